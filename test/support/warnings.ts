/** Collects the warnings of the process during each test, and does not print them. Call it in a describe block. */
export function caughtWarnings(): readonly string[] {
  const warnings: string[] = [];
  beforeEach(() => {
    warnings.length = 0;
    jest.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warnings.push(String(warning));
    });
  });
  afterEach(() => jest.restoreAllMocks());
  return warnings;
}
