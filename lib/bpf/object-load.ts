import type { BpfObjectHandle, NativeAddon } from '../addon/contract';

/** What came of a load: 0 or a negative errno, and what libbpf said. */
interface LoadResult {
  readonly status: number;
  readonly log: string;
}

/**
 * Loads an object on a thread of the pool, once. When the signal aborts, a load that waits for its thread is taken
 * back; one that has begun goes on.
 */
export async function runLoad(
  native: NativeAddon,
  object: BpfObjectHandle,
  signal: AbortSignal | undefined,
): Promise<LoadResult> {
  const cancel = (): void => {
    native.bpfObjectCancelLoad(object);
  };
  try {
    return await new Promise<LoadResult>((resolve) => {
      const begun = native.bpfObjectLoad(object, (status, log) => resolve({ status, log }));
      if (begun === 0) signal?.addEventListener('abort', cancel, { once: true });
      else resolve({ status: begun, log: '' });
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
