import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describeObject } from '../index';
import { moduleText } from './module-text';
import { print } from './print';

/** What the command line gives `perfring gen`. */
export interface GenArguments {
  /** Names of structs, with commas between. */
  readonly types?: string;
  /** Write declarations for `import exec from './exec.bpf.o'`. */
  readonly dts?: true;
}

/**
 * Writes a TypeScript module, or declarations, for a compiled object to stdout.
 * @throws PerfRingError, CommandError (usage), and what reading the file throws
 */
export async function gen(path: string, { types, dts }: GenArguments): Promise<void> {
  const names = types === undefined ? [] : types.split(',').map((name) => name.trim());
  const form = dts === true ? 'declarations' : 'module';
  await print(moduleText(describeObject(readFileSync(path)), basename(path), names, form));
}
