import { defineLayout } from '../../../../lib/layout/sample-layout';
import { exitCodeOf } from '../../../../lib/cli/failure';
import { countedFields, type TopArguments, topSettings } from '../../../../lib/cli/top/top-settings';

describe('topSettings', () => {
  it('counts thread switches by command, a page a second, until told to stop', () => {
    expect(topSettings({})).toMatchObject({
      source: {
        kind: 'builtin',
        programs: [{ program: { name: 'sched_switch' }, options: { excludeTgid: process.pid } }],
      },
      reader: { order: 'cpu', wakeup: 'moderated' },
      count: { by: undefined, sum: [], hist: [], filter: undefined },
      intervalMilliseconds: 1000,
      durationMilliseconds: undefined,
      mostRows: 20,
      format: 'table',
      quiet: false,
    });
  });

  it('accepts every option', () => {
    const given: TopArguments = {
      builtin: ['sys_enter'],
      pid: '17',
      by: 'syscall',
      sum: 'pid, tid,pid',
      hist: 'syscall',
      filter: 'pid > 3 && comm == "a"',
      interval: '250ms',
      duration: '5s',
      rows: '7',
      format: 'ndjson',
      memory: '8M',
      quiet: true,
    };
    expect(topSettings(given)).toMatchObject({
      source: { programs: [{ options: { tgid: 17 } }] },
      count: {
        by: 'syscall',
        sum: ['pid', 'tid'],
        hist: ['syscall'],
        filter: 'pid > 3 && comm == "a"',
      },
      reader: { memoryBytes: 2 ** 23 },
      intervalMilliseconds: 250,
      durationMilliseconds: 5000,
      mostRows: 7,
      format: 'ndjson',
      quiet: true,
    });
  });

  it.each<[TopArguments, RegExp]>([
    [{ format: 'raw' }, /--format takes table or ndjson, got "raw"/],
    [{ interval: '99ms' }, /--interval takes 100ms to 1h/],
    [{ interval: '2h' }, /--interval takes 100ms to 1h/],
    [{ sum: 'a,,b' }, /--sum takes names of fields/],
    [{ hist: '' }, /--hist takes names of fields/],
    [{ rows: '0' }, /--rows takes a whole number, 1 or more/],
    [{ filter: 'pidd == 3' }, /there is no field pidd; did you mean pid\?/],
    [{ map: 'events' }, /--map is for a BPF object/],
    [{ builtin: ['exec', 'exit'], filter: 'exit_code == 0' }, /there is no field exit_code/],
    [{ builtin: ['nothing'] }, /--builtin takes one of/],
  ])('refuses %p', (given, message) => {
    let error: unknown;
    try {
      topSettings(given);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as Error).message).toMatch(message);
    expect(exitCodeOf(error)).toBe(2);
  });
});

describe('countedFields', () => {
  const layout = defineLayout({ time: 'u64', pid: 'u32' });
  const count = { by: undefined, sum: [], hist: [], filter: undefined };

  it('counts by comm where there is such a field, and asks for a field elsewhere', () => {
    expect(countedFields(count, defineLayout({ comm: 'char[16]' }))).toEqual({
      by: 'comm',
      sum: [],
      hist: [],
    });
    expect(() => countedFields(count, layout)).toThrow('--by: name the field to count by, one of time, pid');
    expect(countedFields({ ...count, by: 'pid' }, layout).by).toBe('pid');
  });

  it('makes a condition of the filter', () => {
    const filter = 'pid > 3 && !(time == 1)';
    expect(countedFields({ ...count, by: 'pid', filter }, layout).where).toEqual({
      and: [['pid', '>', 3n], { not: ['time', '==', 1n] }],
    });
    expect(() => countedFields({ ...count, by: 'pid', filter: 'pid + 1 == 2' }, layout)).toThrow(
      /top compares fields with constants/,
    );
  });

  it('asks for the layout of a map whose fields are unknown', () => {
    expect(() => countedFields(count, undefined)).toThrow(/give --type NAME or --layout FILE/);
  });
});
