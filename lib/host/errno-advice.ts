/** The only table of what an errno means, for every system call, and what to do about it. */
const ADVICE: ReadonlyMap<unknown, (syscall: string) => string> = new Map<
  string,
  (syscall: string) => string
>([
  [
    'ENOSYS',
    (syscall) =>
      `this kernel, or the seccomp filter of this container, has no ${syscall.replace(/\(.*/, '')}(2)`,
  ],
  ['EMFILE', () => 'this process has too many open files; raise its limit: ulimit -n'],
  ['ENFILE', () => 'the machine has too many open files; raise its limit: sysctl fs.file-max'],
  ['ENOMEM', () => 'the kernel is out of memory, or past the memory limit of this control group'],
]);

/**
 * @param name the errno's name: `EMFILE`
 * @param syscall the call that failed: `bpf(BPF_MAP_CREATE)`
 * @returns `undefined` for an errno whose meaning depends on the call
 */
export function errnoAdvice(name: unknown, syscall: string): string | undefined {
  return ADVICE.get(name)?.(syscall);
}
