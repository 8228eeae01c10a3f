import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gotPrivilegesByFile } from '../../../lib/addon/auxiliary-vector';

const [AT_NULL, AT_UID, AT_SECURE] = [0n, 11n, 23n];

describe('gotPrivilegesByFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfring-auxv-'));
  const file = join(folder, 'auxv');
  afterAll(() => rmSync(folder, { recursive: true }));

  const ofVector = (...words: bigint[]): boolean => {
    writeFileSync(file, new BigUint64Array(words));
    return gotPrivilegesByFile(file);
  };

  it('returns the value of AT_SECURE', () => {
    expect(ofVector(AT_UID, 0n, AT_SECURE, 0n, AT_NULL, 0n)).toBe(false);
    expect(ofVector(AT_UID, 0n, AT_SECURE, 1n, AT_NULL, 0n)).toBe(true);
  });

  it('does not mistake a value for a type', () => {
    expect(ofVector(AT_UID, AT_SECURE, 7n, 0n, AT_SECURE, 1n)).toBe(true);
    expect(ofVector(AT_UID, AT_SECURE, 7n, 1n, AT_SECURE, 0n)).toBe(false);
  });

  it('is true when the file cannot be read', () => {
    expect(ofVector(AT_UID, 0n, AT_NULL, 0n)).toBe(true);
    expect(ofVector(AT_SECURE)).toBe(true);
    expect(ofVector()).toBe(true);
    writeFileSync(file, 'no words');
    expect(gotPrivilegesByFile(file)).toBe(true);
    expect(gotPrivilegesByFile(join(folder, 'nothing'))).toBe(true);
  });

  it('is false for these tests', () => {
    expect(gotPrivilegesByFile()).toBe(false);
  });
});
