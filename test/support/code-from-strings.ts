/** Whether this process may make code from strings; where it may not, no loop has copies. */
export const MAKES_CODE_FROM_STRINGS = ((): boolean => {
  try {
    new Function('');
    return true;
  } catch {
    return false;
  }
})();
