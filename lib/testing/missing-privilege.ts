import { type Diagnosis, diagnose } from '../index';

/**
 * Why this process can't run BPF programs and read their events, in one line with what to do; `undefined` when it can,
 * which is tried. For frameworks that take a reason to skip, such as node:test:
 *
 * ```ts
 * test('samples what runs', { skip: missingPrivilege() ?? false }, async () => { … });
 * ```
 */
export function missingPrivilege(): string | undefined {
  return reasonOf(diagnose());
}

/** The reason in a diagnosis: what is missing and needed, and the commands that fix it. */
export function reasonOf({ ready, checks }: Diagnosis): string | undefined {
  if (ready) return undefined;
  const missing = checks.filter(({ status, needed }) => needed && status === 'missing');
  const found = missing.map(({ name, value, fix }) =>
    fix === undefined ? `${name}: ${value}` : `${name}: ${value} (${fix})`,
  );
  return found.length === 0 ? 'perfring can not collect here; see: perfring doctor' : found.join('; ');
}
