import { plainList } from '../input/plain-data';
import { fieldNamed } from '../layout/sample-layout';
import { checkedUnion, type UnionLayout, type UnionValues } from '../layout/union-layout';
import { builtinNamed } from './attach-builtin';
import { BUILTIN_PROGRAMS, type BuiltinName, type BuiltinNamed } from './programs';

/** The layouts of built-in programs as the cases of a union. */
export type BuiltinCases<Name extends BuiltinName> = {
  [One in Name]: { readonly value: number; readonly layout: BuiltinNamed<One>['layout'] };
};

/**
 * The layout of the samples of several built-in programs that write to one array. Decoded samples have the name of
 * their program in `type`.
 *
 * ```ts
 * const programs = ['exec', 'exit'] as const;
 * const attached = programs.map((name) => attachBuiltin(name, array));
 * const decode = decoderFor(builtinUnion(programs));
 * reader.drain((record) => {
 *   const event = decode(record);
 *   if (event.type === 'exec') console.log(event.args);
 * });
 * ```
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown name, or one that occurs twice
 */
export function builtinUnion<const Name extends BuiltinName>(
  names: readonly Name[],
): UnionLayout<UnionValues<BuiltinCases<Name>>> {
  const cases = plainList(names, 'names', BUILTIN_PROGRAMS.length).map((name) => {
    const { layout } = builtinNamed(name);
    const tag = fieldNamed(layout, 'program');
    return { name, value: tag?.values?.[name] as number, layout, offset: tag?.offset as number };
  });
  return checkedUnion({
    tag: { kind: 'u32', offset: cases[0]?.offset ?? 0 },
    cases: cases.map(({ name, value, layout }) => ({ name, value, layout })),
  }) as UnionLayout<UnionValues<BuiltinCases<Name>>>;
}
