import type { CollectArguments } from '../../../lib/cli/collect-settings';
import { runCommandLine } from '../../../lib/cli/command-line';
import { exitCodeOf } from '../../../lib/cli/failure';
import { formatSize } from '../../../lib/cli/quantities';
import type { TopArguments } from '../../../lib/cli/top/top-settings';
import { resolveOptions } from '../../../lib/perf-array/options';

interface Given {
  readonly collect?: CollectArguments;
  readonly doctor?: { readonly json?: true };
  readonly gen?: { readonly object: string; readonly types?: string };
  readonly object?: string;
  readonly inspect?: { readonly what: string; readonly types?: string };
  readonly script?: { readonly file: string; readonly count?: string };
  readonly top?: TopArguments;
}

async function parsed(...args: string[]): Promise<Given> {
  let given: Given = {};
  await runCommandLine(args, {
    collect: (collect, object) => {
      given = { collect, ...(object === undefined ? {} : { object }) };
    },
    doctor: (doctor) => {
      given = { doctor };
    },
    gen: (object, gen) => {
      given = { gen: { object, ...gen } };
    },
    inspect: (what, inspect) => {
      given = { inspect: { what, ...inspect } };
    },
    script: (file, script) => {
      given = { script: { file, ...script } };
    },
    top: (top, object) => {
      given = object === undefined ? { top } : { object, top };
    },
  });
  return given;
}

/** The output of a command that only prints. */
async function printedBy(...args: string[]): Promise<string> {
  let printed = '';
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text, callback) => {
    printed += String(text);
    (callback as unknown as () => void)();
    return true;
  });
  try {
    await parsed(...args);
  } finally {
    write.mockRestore();
  }
  return printed;
}

describe('runCommandLine', () => {
  it('passes the typed options to collect, and no others', async () => {
    expect(await parsed('collect')).toEqual({ collect: {} });
    expect(
      await parsed('collect', '-b', 'sys_enter', '--map-id=3', '-n', '5', '-qf', 'raw', '--include-self'),
    ).toEqual({
      collect: {
        builtin: ['sys_enter'],
        mapId: '3',
        count: '5',
        quiet: true,
        format: 'raw',
        includeSelf: true,
      },
    });
  });

  it('passes the typed options to doctor', async () => {
    expect(await parsed('doctor', '--json')).toEqual({ doctor: { json: true } });
  });

  it('passes its arguments to gen', async () => {
    expect(await parsed('gen', 'exec.bpf.o', '--types', 'key,value')).toEqual({
      gen: { object: 'exec.bpf.o', types: 'key,value' },
    });
  });

  it('hands collect an object, and options that are repeated', async () => {
    expect(
      await parsed('collect', 'exec.bpf.o', '--set', 'a=1', '--attach', 'x', '--set', 'b=2', '--map', 'm'),
    ).toEqual({ object: 'exec.bpf.o', collect: { set: ['a=1', 'b=2'], attach: ['x'], map: 'm' } });
  });

  it('hands inspect what was typed', async () => {
    expect(await parsed('inspect', '17', '--types', 'key')).toEqual({
      inspect: { what: '17', types: 'key' },
    });
  });

  it('passes the typed options to top', async () => {
    expect(await parsed('top', '--by', 'pid', '--sum', 'a,b', '-i', '500ms', '-d', '5s')).toEqual({
      top: { by: 'pid', sum: 'a,b', interval: '500ms', duration: '5s' },
    });
    expect(await parsed('top', 'exec.bpf.o', '--map', 'm')).toEqual({
      object: 'exec.bpf.o',
      top: { map: 'm' },
    });
  });

  it('passes on the file of script and its options', async () => {
    expect(await parsed('script', 'perf.data', '-n', '5')).toEqual({
      script: { file: 'perf.data', count: '5' },
    });
  });

  it('passes on what a command throws', async () => {
    const failure = new Error('no');
    const failing = runCommandLine(['collect'], {
      collect: () => Promise.reject(failure),
      doctor: () => undefined,
      gen: () => undefined,
      inspect: () => undefined,
      script: () => undefined,
      top: () => undefined,
    });
    await expect(failing).rejects.toBe(failure);
  });

  it('takes --debug on either side of the command', async () => {
    expect(await parsed('--debug', 'collect', '-n', '1')).toEqual({ collect: { count: '1' } });
    expect(await parsed('doctor', '--debug')).toEqual({ doctor: {} });
  });

  it('states in its help the library’s default size of rings', async () => {
    const bytes = resolveOptions({}, 4096).dataPageCount * 4096;
    expect(await printedBy('collect', '--help')).toMatch(
      new RegExp(`--buffer-bytes <size> .*\\(default: ${formatSize(bytes)}\\)`),
    );
  });

  it('prints the same help by help and by --help', async () => {
    expect(await printedBy('help', 'collect')).toBe(await printedBy('collect', '--help'));
    expect(await printedBy('help')).toBe(await printedBy('--help'));
  });

  it.each([
    [['--pid', '1', '--pid', '2'], '--pid is given twice, "1" and "2"'],
    [['-n', '1', '--count=2'], '--count is given twice, "1" and "2"; give it once'],
  ])('refuses collect %j', async (args, message) => {
    const error: unknown = await parsed('collect', ...args).catch((failure: unknown) => failure);
    expect((error as Error).message).toContain(message);
    expect(exitCodeOf(error)).toBe(2);
  });

  it('takes a flag twice as once', async () => {
    expect(await parsed('collect', '-q', '--quiet')).toEqual({ collect: { quiet: true } });
  });

  it.each([
    [
      ['--debug'],
      'name a command: collect, top, script, inspect, doctor, gen or completion; see: perfring --help',
    ],
    [['colect'], "unknown command 'colect' (Did you mean collect?); see: perfring --help"],
    [['help', 'nope'], "unknown command 'nope'; see: perfring --help"],
    [['--nope'], "unknown option '--nope'; see: perfring --help"],
    [
      ['collect', '--fromat', 'raw'],
      "unknown option '--fromat' (Did you mean --format?); see: perfring collect --help",
    ],
    [['collect', '--count'], "option '-n, --count <n>' argument missing; see: perfring collect --help"],
    [
      ['collect', 'exec.bpf.o', 'extra'],
      "too many arguments for 'collect'. Expected 1 argument but got 2; see: perfring collect --help",
    ],
    [['doctor', '--jsn'], "unknown option '--jsn' (Did you mean --json?); see: perfring doctor --help"],
  ])('refuses %j in one line', async (args, message) => {
    const error: unknown = await parsed(...args).catch((failure: unknown) => failure);
    expect((error as Error).message).toBe(message);
    expect(exitCodeOf(error)).toBe(2);
  });
});
