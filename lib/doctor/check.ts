import { isInUserNamespace } from '../host/namespaces';

/** The result of one check of this machine. */
export interface Check {
  /** What was checked: `CAP_BPF`, `tracefs`. */
  readonly name: string;
  /** `ok`; `missing`: something does not work without it; `note`: information, nothing is wrong. */
  readonly status: 'ok' | 'missing' | 'note';
  /** What was found, in a few words; one line. */
  readonly value: string;
  /** Whether `collect` with the default built-in program needs it. */
  readonly needed: boolean;
  /** The shell command that fixes it. */
  readonly fix?: string;
}

/** Runs a check. An error that it throws becomes a note, so that the other checks still run. */
export function checked(name: string, check: () => Check): Check {
  try {
    return check();
  } catch (error) {
    return { name, status: 'note', value: `unknown: ${oneLine(error)}`, needed: false };
  }
}

/** The message of a thrown value, on one line. */
export function oneLine(error: unknown): string {
  return (error instanceof Error || hasMessage(error) ? error.message : String(error)).replace(/\s+/g, ' ');
}

/** `instanceof Error` is false for errors of another realm. */
function hasMessage(value: unknown): value is { readonly message: string } {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  );
}

/** A command for root; with sudo unless this process is root. Root in a user namespace is not root for the kernel. */
export function asRoot(command: string): string {
  return process.getuid?.() === 0 && !isInUserNamespace() ? command : `sudo ${command}`;
}
