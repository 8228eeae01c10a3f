import type { Btf, BtfEventType, SampleLayout } from '../index';
import { usageError } from './failure';
import { layoutOfFile } from './layout-file';
import { visibleText } from './visible-text';

/** What the user says about the samples. */
export interface LayoutChoice {
  /** Name of a struct. */
  readonly type: string | undefined;
  /** A file with the layout. */
  readonly file: string | undefined;
}

/** What is known about the samples of a map. */
export interface KnownTypes {
  /** The object or map, for messages. */
  readonly what: string;
  readonly btf: Btf | undefined;
  /** The types that its events have or may have. */
  readonly eventTypes: readonly BtfEventType[];
}

/** A layout, and why there is none. */
export interface ChosenLayout {
  readonly layout: SampleLayout | undefined;
  /** Name of the struct; undefined if the layout has no name. */
  readonly type: string | undefined;
  /** What to do, if the layout is unknown. */
  readonly note: string | undefined;
}

/** The layout of the samples of a map. @throws CommandError (usage) for a choice that does not fit */
export function chooseLayout({ type, file }: LayoutChoice, known: KnownTypes): ChosenLayout {
  if (file !== undefined) return { layout: layoutOfFile(file, type), type, note: undefined };
  const { btf, what } = known;
  if (type !== undefined) {
    if (btf === undefined) {
      throw usageError(
        `${what} has no BTF, so it has no struct ${type}: give --layout FILE, or compile it with -g`,
      );
    }
    return { layout: btf.layout(type), type, note: undefined };
  }
  const [only, ...others] = known.eventTypes;
  if (btf !== undefined && only !== undefined && others.length === 0) {
    return { layout: btf.layout(only.type), type: only.name, note: undefined };
  }
  return { layout: undefined, type: undefined, note: whyUnknown(known) };
}

function whyUnknown({ what, btf, eventTypes }: KnownTypes): string {
  if (btf === undefined) {
    return `the fields of the samples are unknown, since ${what} has no BTF: give --layout FILE, or compile the program with -g`;
  }
  if (eventTypes.length > 1) {
    const names = eventTypes.map(({ name }) => visibleText(name)).join(', ');
    return `the fields of the samples are unknown, since ${what} names several structs, ${names}: choose one with --type`;
  }
  return `the fields of the samples are unknown, since ${what} does not name their struct: give --type NAME or --layout FILE`;
}
