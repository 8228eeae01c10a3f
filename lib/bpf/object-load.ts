import type { BpfObjectHandle, NativeAddon } from '../addon/contract';

/** The result of a load: 0 or a negative errno, and the messages of libbpf. */
interface LoadResult {
  readonly status: number;
  readonly log: string;
}

/**
 * Loads an object once, on a thread of Node's pool. When the signal aborts, a load that still waits for a thread is
 * cancelled; one that has begun continues to its end.
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
