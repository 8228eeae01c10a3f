import type { BpfLinkHandle, NativeAddon } from '../addon/contract';
import { pinError } from './bpf-error';

/**
 * An attached program. It runs until the attachment is closed. Keep a reference to it as long as the program should
 * run: when the attachment is garbage-collected, the program is detached.
 */
export interface Attachment {
  /** Whether {@link close} was called. */
  readonly closed: boolean;
  /** Detaches the program. Idempotent. A run that has begun on another CPU continues to its end. */
  close(): void;
  /** Calls {@link close}, for `using`. */
  [Symbol.dispose](): void;
}

/** A BPF link. The program is attached while the link's descriptor is open. */
export class BpfLink implements Attachment {
  readonly #native: NativeAddon;
  readonly #handle: BpfLinkHandle;
  #closed = false;

  /** {@link BpfProgram.attachRawTracepoint} creates it. */
  constructor(native: NativeAddon, handle: BpfLinkHandle) {
    this.#native = native;
    this.#handle = handle;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws PerfSystemError of bpf(BPF_OBJ_PIN) */
  pin(path: string): void {
    const result = this.#native.bpfLinkPin(this.#handle, path);
    if (result !== 0) throw pinError(result, 'the link', path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.bpfLinkClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
