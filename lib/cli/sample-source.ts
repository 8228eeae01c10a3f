import { type AttachedProgram, attachBuiltin, PerfEventArray, type SampleLayout } from '../index';
import { visibleText } from './visible-text';
import type { Source } from './collect-settings';

/** Creates the array for a built-in program, or opens an existing one. */
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

/** Attaches the built-in program. Returns undefined for an existing map: other programs write to it. */
export function startProgram(source: Source, array: PerfEventArray): AttachedProgram | undefined {
  if (source.kind !== 'builtin') return undefined;
  return attachBuiltin(source.program.name, array, source.options);
}

export function layoutOf(source: Source): SampleLayout | undefined {
  return source.kind === 'builtin' ? source.program.layout : undefined;
}

/** A warning that another reader of an existing map gets no more samples. Undefined for a new array. */
export function takeoverNote(source: Source, array: PerfEventArray): string | undefined {
  if (source.kind === 'builtin') return undefined;
  const { id, name } = array.info;
  const map = name === '' ? `map ${id}` : `map ${id} (${visibleText(name)})`;
  return `taking over ${map}: a program that reads it now gets no more samples`;
}
