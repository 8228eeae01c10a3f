import type { BpfObjectLinkHandle, NativeAddon } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { PerfRingError } from '../errors';
import type { Attachment } from './bpf-link';
import { pinError } from './bpf-error';

/**
 * An attached program of an object. It is attached until this link or the object is closed, or both are
 * garbage-collected.
 */
export interface ObjectLink extends Attachment {
  /** The program's name. */
  readonly program: string;
  /**
   * Pins the link: the program stays attached, also after this process has ended, until the file is removed. Leave a
   * pinned link of a kprobe or uprobe open: close() stops its program, since libbpf then disables the event below it.
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED for links that the kernel cannot pin: those of tracepoints, USDT
   *   probes and tc
   * @throws PerfSystemError of bpf(BPF_OBJ_PIN)
   */
  pin(path: string): void;
}

/** A link of an object, over an attachment of this library or of libbpf. */
export class OwnedLink implements ObjectLink {
  readonly program: string;
  readonly #attachment: Attachment & { pin?(path: string): void };
  readonly #onClose: (link: OwnedLink) => void;

  constructor(
    program: string,
    attachment: Attachment & { pin?(path: string): void },
    onClose: (link: OwnedLink) => void,
  ) {
    this.program = program;
    this.#attachment = attachment;
    this.#onClose = onClose;
    Object.freeze(this);
  }

  get closed(): boolean {
    return this.#attachment.closed;
  }

  pin(path: string): void {
    if (this.closed)
      throw new PerfRingError('ERR_PERF_CLOSED', `the link of ${this.program} was used after close()`);
    if (this.#attachment.pin === undefined) throw notPinnable(this.program);
    this.#attachment.pin(path);
  }

  close(): void {
    this.#attachment.close();
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A link made by libbpf. */
export class LibbpfLink implements Attachment {
  readonly #native: NativeAddon;
  readonly #handle: BpfObjectLinkHandle;
  readonly #program: string;
  #closed = false;

  constructor(native: NativeAddon, handle: BpfObjectLinkHandle, program: string) {
    this.#native = native;
    this.#handle = handle;
    this.#program = program;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs an iterator program once. Returns what it wrote, or a negative errno: EFBIG for more than `longest` bytes. */
  read(longest: number): Uint8Array | number {
    return this.#native.bpfObjectLinkRead(this.#handle, longest);
  }

  pin(path: string): void {
    const answer = this.#native.bpfObjectLinkPin(this.#handle, path);
    if (answer === 0) return;
    if (isErrno(answer, 'EOPNOTSUPP') || isErrno(answer, 'EINVAL')) throw notPinnable(this.#program);
    throw pinError(answer, `the link of ${this.#program}`, path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.bpfObjectLinkClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function notPinnable(program: string): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_SUPPORTED',
    `the link of ${program} can't be pinned: the kernel has no link for how it is attached`,
  );
}
