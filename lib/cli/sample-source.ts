import { type AttachedProgram, attachBuiltin, PerfEventArray, type SampleLayout } from '../index';
import { visibleText } from './visible-text';
import type { Source } from './collect-settings';

/** Makes the array that samples are read from, or opens that of somebody else. */
export function openArray(source: Source): PerfEventArray {
  switch (source.kind) {
    case 'builtin':
      return PerfEventArray.create({ name: 'perfring' });
    case 'pin':
      return PerfEventArray.openPinned(source.path);
    case 'id':
      return PerfEventArray.openById(source.id);
  }
}

/** Starts a built-in program; the programs of a map that is there are somebody else's. */
export function startProgram(source: Source, array: PerfEventArray): AttachedProgram | undefined {
  if (source.kind !== 'builtin') return undefined;
  return attachBuiltin(source.program.name, array, source.options);
}

export function layoutOf(source: Source): SampleLayout | undefined {
  return source.kind === 'builtin' ? source.program.layout : undefined;
}

/** What whoever reads a map now has to know; nothing for an array of our own. */
export function takeoverNote(source: Source, array: PerfEventArray): string | undefined {
  if (source.kind === 'builtin') return undefined;
  const { id, name } = array.info;
  const map = name === '' ? `map ${id}` : `map ${id} (${visibleText(name)})`;
  return `taking over ${map}: a program that reads it now gets no more samples`;
}
