import { exitCodeOf } from '../../../../lib/cli/failure';
import { type TopArguments, topSettings } from '../../../../lib/cli/top/top-settings';

describe('topSettings', () => {
  it('counts thread switches by command, a page a second, until told to stop', () => {
    expect(topSettings({})).toMatchObject({
      source: { kind: 'builtin', program: { name: 'sched_switch' }, options: { excludeTgid: process.pid } },
      reader: { order: 'cpu', wakeup: 'moderated' },
      fields: { by: 'comm', sum: [], hist: [] },
      intervalMilliseconds: 1000,
      durationMilliseconds: undefined,
      mostRows: 20,
      format: 'table',
      quiet: false,
    });
  });

  it('accepts every option', () => {
    const given: TopArguments = {
      builtin: 'sys_enter',
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
      source: { options: { tgid: 17 } },
      fields: { by: 'syscall', sum: ['pid', 'tid'], hist: ['syscall'] },
      where: {
        and: [
          ['pid', '>', 3n],
          ['comm', '==', 'a'],
        ],
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
    [{ mapId: '3' }, /the fields of the samples.*unknown/],
    [{ builtin: 'nothing' }, /--builtin takes one of/],
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
