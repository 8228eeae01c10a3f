import { BAD_ARGUMENT } from '../addon/contract';
import { PerfRingError } from '../errors';
import { failedCall } from '../host/failed-call';
import { named } from '../input/shown';

/**
 * The error for a failed bpf(2) call, or for another call that attaches a program.
 * @param result the result of the native function: a negative errno or BAD_ARGUMENT
 * @param syscall the call: `bpf(BPF_MAP_CREATE)`
 * @param what the operation, with its values: `creating the map "counts"`
 * @param advice the errno's name -> what it means for this call and what to do; it takes precedence over the general advice
 */
export function bpfError(
  result: number,
  syscall: string,
  what: string,
  advice: Readonly<Record<string, string>> = {},
): Error {
  if (result === BAD_ARGUMENT) {
    return new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `${syscall}: ${what}: an argument has the wrong type or is out of range`,
    );
  }
  return failedCall(result, syscall, what, { needs: ['CAP_BPF'], advice });
}

/**
 * The error for a failed bpf(BPF_OBJ_PIN).
 * @param what the object to pin: `map 12 "events"`
 */
export function pinError(result: number, what: string, path: string): Error {
  return bpfError(result, 'bpf(BPF_OBJ_PIN)', `pinning ${what} at ${named(path)}`, {
    EEXIST: 'a file with this path exists already',
    ENOENT: 'its directory does not exist',
    EPERM:
      'its directory is not in a bpf file system (mount one: mount -t bpf bpf /sys/fs/bpf), or CAP_BPF is missing',
  });
}
