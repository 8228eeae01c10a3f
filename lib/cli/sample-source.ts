import {
  type AttachedProgram,
  attachBuiltin,
  BpfMap,
  describeMap,
  mapTypeName,
  PerfEventArray,
  RingBufferMap,
} from '../index';
import { builtinLayout } from './builtin-layout';
import type { BuiltinRun, Source } from './collect-settings';
import { chooseLayout, type LayoutChoice } from './event-layout';
import { CommandError, codeOf } from './failure';
import type { KnownLayout } from './formats/fitting-decoder';
import { openObject, ringKind } from './object-source';
import { visibleText } from './visible-text';

/** The map that samples come from. */
export interface OpenedSource {
  readonly ring: PerfEventArray | RingBufferMap;
  /** Undefined when unknown. */
  readonly layout: KnownLayout;
  /** Whether the map was made here; otherwise other programs may read it. */
  readonly isOwn: boolean;
  /** Messages for the user. */
  readonly notes: readonly string[];
  /** Attaches the programs that write the samples. Returns a function that detaches them. */
  start(): () => void;
  /** Closes the map and everything that was opened with it. Idempotent. */
  close(): void;
}

/**
 * Opens the map that samples come from, without attaching programs yet.
 * @param signal ends loading
 * @throws CommandError, and the errors of the library
 */
export async function openSource(source: Source, signal: AbortSignal): Promise<OpenedSource> {
  switch (source.kind) {
    case 'builtin':
      return openBuiltins(source.programs);
    case 'object':
      return openObject(source.object, source.layout, signal);
    case 'pin':
      return openMap(
        BpfMap.openPinned(source.path),
        () => PerfEventArray.openPinned(source.path),
        source.layout,
      );
    case 'id':
      return openMap(BpfMap.openById(source.id), () => PerfEventArray.openById(source.id), source.layout);
  }
}

function openBuiltins(programs: readonly BuiltinRun[]): OpenedSource {
  const ring = PerfEventArray.create({ name: 'perfring' });
  return {
    ring,
    layout: builtinLayout(programs),
    isOwn: true,
    notes: [],
    start: () => {
      const attached: AttachedProgram[] = [];
      const detach = (): void => {
        for (const one of attached) one.close();
      };
      try {
        for (const { program, options } of programs) {
          attached.push(attachBuiltin(program.name, ring, options));
        }
      } catch (error) {
        detach();
        throw error;
      }
      return detach;
    },
    close: () => ring.close(),
  };
}

function openMap(map: BpfMap, openArray: () => PerfEventArray, choice: LayoutChoice): OpenedSource {
  const ring = ringOf(map, openArray);
  try {
    const { layout, note } = layoutOf(ring, choice);
    return {
      ring,
      layout,
      isOwn: false,
      notes: [takeoverNote(ring), note].filter((one) => one !== undefined),
      // Other programs write to it.
      start: () => () => undefined,
      close: () => ring.close(),
    };
  } catch (error) {
    ring.close();
    throw error;
  }
}

/**
 * The map as a ring. Closes the map.
 * @param openArray opens it again: with an open file of its own, close() leaves the slots of other readers alone
 */
function ringOf(map: BpfMap, openArray: () => PerfEventArray): PerfEventArray | RingBufferMap {
  try {
    switch (ringKind(map.info)) {
      case 'ringbuf':
        return RingBufferMap.openByFd(map.fd);
      case 'perf_event_array':
        return openArray();
      default:
        throw new CommandError(
          `${titleOf(map)} is of type ${mapTypeName(map.info.type)}, not ringbuf or perf_event_array; list the maps: bpftool map list`,
        );
    }
  } finally {
    map.close();
  }
}

function layoutOf(ring: PerfEventArray | RingBufferMap, choice: LayoutChoice) {
  const what = titleOf(ring);
  const none = { what, btf: undefined, eventTypes: [] };
  if (choice.file !== undefined) return chooseLayout(choice, none);
  try {
    return chooseLayout(choice, { ...none, ...describeMap(ring) });
  } catch (error) {
    if (codeOf(error) !== 'EPERM' || choice.type !== undefined) throw error;
    const note = `the fields of the samples are unknown: finding the programs of ${what} needs CAP_SYS_ADMIN; or give --layout FILE`;
    return { layout: undefined, note };
  }
}

/** `map 12 (events)`. */
export function titleOf({ info }: { readonly info: { readonly id: number; readonly name: string } }): string {
  return info.name === '' ? `map ${info.id}` : `map ${info.id} (${visibleText(info.name)})`;
}

/** A warning that another reader of an existing map gets no more samples. */
function takeoverNote(ring: PerfEventArray | RingBufferMap): string {
  return RingBufferMap.is(ring)
    ? `reading ${titleOf(ring)}: a program that reads it now no longer gets all of its records`
    : `taking over ${titleOf(ring)}: a program that reads it now gets no more samples`;
}
