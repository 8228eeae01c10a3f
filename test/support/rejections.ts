/** The code of what a promise is rejected with; "nothing" when it is not. */
export async function codeOfRejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'nothing';
  } catch (error) {
    return (error as { code?: unknown }).code ?? `no code: ${String(error)}`;
  }
}
