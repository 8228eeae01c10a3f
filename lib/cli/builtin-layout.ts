import { builtinUnion, defineLayout, type FieldDefinition, type SampleLayout } from '../index';
import type { BuiltinRun } from './collect-settings';
import type { KnownLayout } from './formats/fitting-decoder';

/** The layout of the samples of built-in programs. */
export function builtinLayout(programs: readonly BuiltinRun[]): NonNullable<KnownLayout> {
  const [first, ...others] = programs.map(({ program }) => program);
  if (first !== undefined && others.length === 0) return first.layout;
  return builtinUnion(programs.map(({ program }) => program.name));
}

/** The fields that all samples have: of several programs `time`, `tid`, `pid`, `comm` and `program`. */
export function commonLayout(layout: KnownLayout): SampleLayout | undefined {
  if (layout === undefined || !('cases' in layout)) return layout;
  const [first, ...others] = layout.cases.map((one) => one.layout.fields);
  const fields = (first ?? []).flatMap((field): FieldDefinition[] => {
    const { name, kind, offset, values } = field;
    const same = others.map((other) => other.find((one) => one.name === name));
    if (!same.every((one) => one?.offset === offset && one.kind === kind)) return [];
    if (values === undefined) return [{ name, offset, kind: kind as 'u32' }];
    // The name of the program: each layout has its own.
    const all = Object.assign({}, values, ...same.map((one) => one?.values));
    return [{ name, offset, kind: { enum: all, as: kind as 'u32' } }];
  });
  return defineLayout(fields) as SampleLayout;
}
