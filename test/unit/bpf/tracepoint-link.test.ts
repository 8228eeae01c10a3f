import type { BpfProgramHandle } from '../../../lib/addon/contract';
import { TracepointLink } from '../../../lib/bpf/tracepoint-link';
import { answers, fakeNative } from '../../support/fake-native';

const PROGRAM = {} as BpfProgramHandle;

describe('TracepointLink', () => {
  it.each([
    ['EACCES', /run as root/],
    ['EPERM', /run as root/],
    ['ENOSYS', /run as root/],
    ['EMFILE', /too many open files; raise its limit: ulimit -n/],
    ['ENFILE', /too many open files; .*sysctl fs.file-max/],
    ['ENOMEM', /out of memory/],
    ['EIO', /failed$/],
  ])('tells %s of reading an id as it is', (code, advice) => {
    const native = fakeNative({ tracepointId: answers(code) });
    const attach = (): unknown => TracepointLink.attach(native, PROGRAM, 'sched', 'sched_switch');
    expect(attach).toThrow(
      expect.objectContaining({ code, syscall: 'open', message: expect.stringMatching(advice) }),
    );
    if (!advice.source.includes('root')) {
      expect(attach).toThrow(expect.objectContaining({ message: expect.not.stringContaining('root') }));
    }
  });
});
