import { readFileSync } from 'node:fs';
import { join } from 'node:path';

type Load = typeof import('../../../lib/addon/load');

/** A new instance of lib/addon/load, which has loaded nothing yet. */
function freshLoad(): Load {
  // Not isolateModules(): `bindings` is loaded later, by the first call of addon().
  jest.resetModules();
  return require('../../../lib/addon/load') as Load;
}

/** The error that `addon()` throws. Its message must be one line. */
function missing(load: Load): { code: unknown; message: string; cause: unknown } {
  try {
    load.addon();
  } catch (error) {
    const { code, message, cause } = error as { code: unknown; message: string; cause: unknown };
    expect(message).not.toContain('\n');
    return { code, message, cause };
  }
  throw new Error('addon() answered');
}

describe('addon', () => {
  const environment = process.env as { PERFRING_ADDON?: string };
  const { PERFRING_ADDON: before } = environment;
  afterEach(() => {
    jest.dontMock('bindings');
    if (before === undefined) delete environment.PERFRING_ADDON;
    else environment.PERFRING_ADDON = before;
  });

  it('loads once, and returns the same addon at each call', () => {
    const load = freshLoad();
    expect(load.addonAvailable()).toBe(true);
    expect(load.addon()).toBe(load.addon());
    expect(load.addon().pageSize()).toBeGreaterThan(0);
  });

  it('is replaced only while withAddon() runs, even if it throws', () => {
    const { addon, withAddon } = freshLoad();
    const real = addon();
    const other = { ...real };
    expect(withAddon(other, addon)).toBe(other);
    const failure = new Error('cannot load');
    const inner = (): unknown => withAddon(failure, addon);
    expect(() => withAddon(other, inner)).toThrow(failure);
    expect(withAddon(other, () => [withAddon(real, addon), addon()])).toEqual([real, other]);
    expect(addon()).toBe(real);
  });

  it('has every function of the contract, and no other', () => {
    const contract = readFileSync(join(__dirname, '..', '..', '..', 'lib', 'addon', 'contract.ts'), 'utf8');
    const [, body = ''] = /export interface NativeAddon \{([\s\S]*?)\n\}/.exec(contract) ?? [];
    const names = [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
    // The package `bindings` adds the path that it found.
    expect(Object.keys(freshLoad().addon()).sort()).toEqual([...names, 'path'].sort());
  });

  it('loads the file that PERFRING_ADDON names, and no other', () => {
    const path = join(__dirname, 'nowhere', 'perfring.node');
    environment.PERFRING_ADDON = path;
    const load = freshLoad();
    const { code, message, cause } = missing(load);
    expect(code).toBe('ERR_PERF_ADDON_MISSING');
    expect(message).toBe(`cannot load the native addon named by PERFRING_ADDON, ${path}: there is none`);
    expect(cause).toBeDefined();
    expect(load.addonAvailable()).toBe(false);
  });

  it('has the message of the loader for a file that is not an addon', () => {
    environment.PERFRING_ADDON = __filename;
    jest.doMock('bindings', () => () => {
      throw new Error('perfring.node: invalid ELF header\nand more');
    });
    expect(missing(freshLoad()).message).toContain(`${__filename}: perfring.node: invalid ELF header`);
  });

  it('says how to build it when there is none', () => {
    delete environment.PERFRING_ADDON;
    jest.doMock('bindings', () => () => {
      throw new Error('Could not locate the bindings file. Tried:\n → here\n → there');
    });
    const { code, message } = missing(freshLoad());
    expect(code).toBe('ERR_PERF_ADDON_MISSING');
    expect(message).toBe(
      `cannot load the native addon for linux-${process.arch}: there is none; build it with: npm run build:addon`,
    );
  });

  it('says on musl why it is missing, and how to build it', () => {
    delete environment.PERFRING_ADDON;
    jest.doMock('bindings', () => () => {
      throw new Error('Error loading shared library ld-linux-x86-64.so.2: No such file or directory');
    });
    const report = jest.spyOn(process.report, 'getReport').mockReturnValue({ header: {} });
    const { message } = missing(freshLoad());
    report.mockRestore();
    expect(message).toContain('ld-linux-x86-64.so.2');
    expect(message).toContain('; the addon in the package needs glibc, and this system has musl; ');
    expect(message).toMatch(/build it with: apk add g\+\+ make cmake && npm run build:addon$/);
  });

  it('falls back from a build that does not load to the prebuilt one, and prefers its reason when both fail', () => {
    delete environment.PERFRING_ADDON;
    const tried: string[] = [];
    jest.doMock('bindings', () => (options: { module_root: string }) => {
      tried.push(options.module_root);
      throw new Error(
        tried.length === 1 ? 'GLIBC_9.9 not found' : 'Could not locate the bindings file. Tried:',
      );
    });
    expect(missing(freshLoad()).message).toContain('GLIBC_9.9 not found');
    expect(tried).toHaveLength(2);
    expect(tried[0]).toMatch(/build\/Release$/);
    expect(tried[1]).toMatch(new RegExp(`prebuilds/linux-${process.arch}$`));
  });
});
