import type { BpfLinkHandle, NativeAddon } from '../addon/contract';
import { pinError } from './bpf-error';

/**
 * An attached program. It runs until this is closed. Keep a reference to it as long as the program is to run: an
 * attachment that nothing refers to is garbage, and collecting it detaches the program.
 */
export interface Attachment {
  /** Whether {@link close} was called. */
  readonly closed: boolean;
  /** Detaches. Idempotent. A run of the program that has begun on another CPU still ends. */
  close(): void;
  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void;
}

/** A BPF link: the program is attached while its descriptor is open. */
export class BpfLink implements Attachment {
  readonly #native: NativeAddon;
  readonly #handle: BpfLinkHandle;
  #closed = false;

  /** Made by {@link BpfProgram.attachRawTracepoint}. */
  constructor(native: NativeAddon, handle: BpfLinkHandle) {
    this.#native = native;
    this.#handle = handle;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @throws PerfSystemError of bpf(BPF_OBJ_PIN) */
  pin(path: string): void {
    const answer = this.#native.bpfLinkPin(this.#handle, path);
    if (answer !== 0) throw pinError(answer, 'the link', path);
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
