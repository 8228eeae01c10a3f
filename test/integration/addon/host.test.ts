import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { BAD_ARGUMENT } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { opened } from './kernel-fixture';

const { EINVAL, ENOENT } = constants.errno;
const native = addon();

describe('the host', () => {
  it('has the page size that getconf prints', () => {
    expect(native.pageSize()).toBe(Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
  });

  describe('thread affinity', () => {
    const before = opened(native.getThreadAffinity());
    afterEach(() => native.setThreadAffinity(before));

    it('is a list of CPUs, and moves the thread', () => {
      const [first = 0] = before;
      expect(native.setThreadAffinity([first])).toBe(0);
      expect(native.getThreadAffinity()).toEqual([first]);
    });

    it('decides which CPU the thread runs on', () => {
      for (const cpu of before) {
        native.setThreadAffinity([cpu]);
        expect(native.currentCpu()).toBe(cpu);
      }
    });

    it('returns the errno of a list without a CPU that is there', () => {
      expect(native.setThreadAffinity([])).toBe(-EINVAL);
      expect(native.setThreadAffinity([8191])).toBe(-EINVAL);
    });

    it.each<[string, unknown]>([
      ['no array', 0],
      ['a typed array', Uint8Array.of(0)],
      ['an array-like object', { length: 1, 0: 0 }],
      ['a proxy', new Proxy([0], {})],
      ['with a negative CPU', [-1]],
      ['with a CPU that no kernel has', [8192]],
      ['with a fraction', [0.5]],
      ['with a string', ['0']],
      ['with a hole', new Array(1)],
      ['endless', new Array(2 ** 32 - 1)],
    ])('takes no list that is %s', (_name, cpus) => {
      expect(native.setThreadAffinity(cpus as number[])).toBe(BAD_ARGUMENT);
      expect(native.getThreadAffinity()).toEqual(before);
    });

    it('refuses a list whose getter throws, and drops the exception', () => {
      const cpus = [0];
      Object.defineProperty(cpus, 0, {
        get() {
          throw new Error('from the getter');
        },
      });
      expect(native.setThreadAffinity(cpus)).toBe(BAD_ARGUMENT);
    });
  });

  describeWith(['CAP_SYS_ADMIN'], 'tracepointId', () => {
    it('returns the id of a tracepoint', () => {
      expect(native.tracepointId('sched', 'sched_switch')).toBeGreaterThan(0);
      expect(native.tracepointId('sched', 'sched_switch')).not.toBe(
        native.tracepointId('sched', 'sched_process_exec'),
      );
    });

    it('returns ENOENT where there is none', () => {
      expect(native.tracepointId('sched', 'no_such_tracepoint')).toBe(-ENOENT);
      expect(native.tracepointId('no_such_category', 'sched_switch')).toBe(-ENOENT);
    });
  });

  it.each(['', '.', '..', 'sched/sched_switch', '../events/sched', 'a\0b', 'x'.repeat(300)])(
    'has no tracepoint in a category named %j',
    (category) => {
      expect(native.tracepointId(category, 'sched_switch')).toBe(BAD_ARGUMENT);
      expect(native.tracepointId('sched', category)).toBe(BAD_ARGUMENT);
    },
  );

  afterAll(expectNothingLeft);
});
