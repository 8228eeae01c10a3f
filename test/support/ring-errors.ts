/**
 * The code of what `action` throws; "nothing" when it throws nothing, "no code: …" for an error without one, which
 * no function of this library may throw.
 */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
    return `no code: ${String(error)}`;
  }
  return 'nothing';
}

/** The message of what `action` throws. */
export function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}
