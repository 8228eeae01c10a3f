import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** binding.gyp is a Python literal. Without its comments ours is JSON. */
interface BindingGyp {
  targets: { target_name: string; sources: string[]; defines: string[]; cflags_cc: string[] }[];
}
const gyp = JSON.parse(read('binding.gyp').replace(/^\s*#.*$/gm, '')) as BindingGyp;
const cmake = read('CMakeLists.txt').replace(/#.*$/gm, '');

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The arguments of a CMake command after the target. */
function cmakeArguments(command: string): string[] {
  const match = new RegExp(`${command}\\(\\s*perfring\\s+([^)]*)\\)`).exec(cmake);
  return (match?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
}

function target() {
  const [first] = gyp.targets;
  if (first === undefined) throw new Error('binding.gyp has no target');
  return first;
}

describe('the build files', () => {
  it('build one target of the same name', () => {
    expect(gyp.targets).toHaveLength(1);
    expect(target().target_name).toBe('perfring');
    expect(cmake.match(/add_library\(\s*(\w+)/)?.[1]).toBe('perfring');
  });

  it('list every source of the addon, and the same ones', () => {
    const written = readdirSync(join(ROOT, 'native'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.cc'))
      .map((file) => `native/${file}`)
      .sort();
    expect(target().sources).toEqual(written);
    expect(cmakeArguments('add_library')).toEqual(['SHARED', ...written]);
  });

  it('define the same names', () => {
    expect(cmakeArguments('target_compile_definitions')).toEqual(['PRIVATE', ...target().defines]);
  });

  it('ask for the same warnings, and take each for an error', () => {
    const warnings = (options: string[]) => options.filter((option) => option.startsWith('-W'));
    expect(warnings(target().cflags_cc)).toEqual(['-Wall', '-Wextra', '-Wconversion', '-Werror']);
    expect(warnings(cmakeArguments('target_compile_options'))).toEqual(warnings(target().cflags_cc));
  });
});
