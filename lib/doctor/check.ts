import { isInUserNamespace } from '../host/namespaces';

/** One finding about this machine. */
export interface Check {
  /** What was looked at: `CAP_BPF`, `tracefs`. */
  readonly name: string;
  /** `ok`; `missing`: something does not work without it; `note`: worth knowing, and nothing is wrong. */
  readonly status: 'ok' | 'missing' | 'note';
  /** What was found, in a few words; one line. */
  readonly value: string;
  /** Whether `collect` with the default built-in program needs it. */
  readonly needed: boolean;
  /** The shell command that fixes it. */
  readonly fix?: string;
}

/** Makes a note of what a check throws, so that no state of the machine ends the diagnosis. */
export function checked(name: string, check: () => Check): Check {
  try {
    return check();
  } catch (error) {
    return { name, status: 'note', value: `cannot be told: ${oneLine(error)}`, needed: false };
  }
}

/** The message of what was thrown, on one line. */
export function oneLine(error: unknown): string {
  return (error instanceof Error || hasMessage(error) ? error.message : String(error)).replace(/\s+/g, ' ');
}

/** Errors of another realm are no instances of this one's Error. */
function hasMessage(value: unknown): value is { readonly message: string } {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  );
}

/** A command for root: as it is for root, with sudo for others, which root of a user namespace is to the kernel. */
export function asRoot(command: string): string {
  return process.getuid?.() === 0 && !isInUserNamespace() ? command : `sudo ${command}`;
}
