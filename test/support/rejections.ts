/** The code of the error with which a promise is rejected; "nothing" when it resolves. */
export async function codeOfRejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'nothing';
  } catch (error) {
    return (error as { code?: unknown }).code ?? `no code: ${String(error)}`;
  }
}
