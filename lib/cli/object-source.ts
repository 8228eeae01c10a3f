import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  attachmentBy,
  BpfObject,
  type BtfMap,
  describeObject,
  mapTypeName,
  type ObjectDescription,
  PerfEventArray,
  RingBufferMap,
} from '../index';
import { chooseLayout, type LayoutChoice } from './event-layout';
import { CommandError, usageError } from './failure';
import { globalValue } from './global-text';
import type { OpenedSource } from './sample-source';
import { visibleText } from './visible-text';

/** The user's own program, and what to do with it. */
export interface ObjectSettings {
  readonly path: string;
  /** Name of the map to read. */
  readonly map: string | undefined;
  /** Programs to attach; empty for all whose section says what they attach to. */
  readonly attach: readonly { readonly program: string; readonly target: string | undefined }[];
  readonly set: readonly { readonly name: string; readonly value: string }[];
  /** The size of a ring buffer map, bytes. */
  readonly ringBytes: number | undefined;
}

/**
 * Loads an object, without attaching its programs yet.
 * @param signal ends the load
 * @throws CommandError, and the errors of {@link BpfObject}
 */
export async function openObject(
  settings: ObjectSettings,
  choice: LayoutChoice,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const { path } = settings;
  const bytes = bytesOf(path);
  const name = basename(path);
  const description = describeObject(bytes);
  const map = ringOf(description, settings.map, name);
  const programs = programsOf(description, settings.attach, name);
  const { layout, note } = chooseLayout(choice, {
    what: name,
    btf: description.btf,
    eventTypes: description.btf.eventTypes(map.name),
  });
  const object = BpfObject.open(bytes, { name });
  try {
    object.set(globalsOf(description, settings.set, name));
    const isRingBuffer = ringKind(map) === 'ringbuf';
    if (isRingBuffer && settings.ringBytes !== undefined) {
      object.configureMap(map.name, { maxEntries: settings.ringBytes });
    }
    await object.load({ only: programs.attached.map(({ program }) => program), signal });
    const { fd } = object.map(map.name);
    const ring = isRingBuffer ? RingBufferMap.openByFd(fd) : PerfEventArray.openByFd(fd);
    return {
      ring,
      layout,
      isOwn: true,
      notes: [note, programs.note].filter((one) => one !== undefined),
      start: () => {
        const links = programs.attached.map(({ program, target }) => object.attach(program, target));
        return () => {
          for (const link of links) link.close();
        };
      },
      close: () => {
        ring.close();
        object.close();
      },
    };
  } catch (error) {
    object.close();
    throw error;
  }
}

/** Reads a BPF object. @throws CommandError */
export function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new CommandError(`${visibleText(path)} can't be read: ${why}`);
  }
}

/** The kind of ring that a map is; undefined for other maps. */
export function ringKind({ type }: Pick<BtfMap, 'type'>): 'ringbuf' | 'perf_event_array' | undefined {
  const name = type === undefined ? '' : mapTypeName(type);
  return name === 'ringbuf' || name === 'perf_event_array' ? name : undefined;
}

function ringOf({ maps }: ObjectDescription, wanted: string | undefined, object: string): BtfMap {
  const rings = maps.filter((map) => ringKind(map) !== undefined);
  const names = rings.map(({ name }) => name).join(', ');
  if (wanted !== undefined) {
    const ring = rings.find(({ name }) => name === wanted);
    if (ring !== undefined) return ring;
    const isMap = maps.some(({ name }) => name === wanted);
    throw usageError(
      isMap
        ? `map ${wanted} of ${object} is no ring buffer and no perf event array; rings are ${names || 'none'}`
        : `${object} has no map ${wanted}; rings are ${names || 'none'}`,
    );
  }
  const [only] = rings;
  if (only === undefined) {
    throw usageError(
      `${object} has no ring buffer and no perf event array, so there is nothing to collect; see: perfring inspect`,
    );
  }
  if (rings.length > 1)
    throw usageError(
      `${object} has several rings: choose one with --map ${names.replaceAll(', ', ' or --map ')}`,
    );
  return only;
}

function programsOf(
  { programs }: ObjectDescription,
  wanted: ObjectSettings['attach'],
  object: string,
): { readonly attached: ObjectSettings['attach']; readonly note: string | undefined } {
  const names = programs.map(({ name }) => name).join(', ');
  for (const { program } of wanted) {
    if (programs.some(({ name }) => name === program)) continue;
    throw usageError(`--attach: ${object} has no program ${program}; programs are ${names || 'none'}`);
  }
  if (wanted.length > 0) return { attached: wanted, note: undefined };
  const attached = programs.filter(
    ({ section }) => attachmentBy(section) === 'section' && !section.startsWith('?'),
  );
  if (attached.length === 0) {
    throw usageError(
      `no section of ${object} says what its program attaches to: give --attach PROGRAM=TARGET; programs are ${names || 'none'}`,
    );
  }
  const others = programs.filter((one) => !attached.includes(one) && attachmentBy(one.section) === 'target');
  const list = others.map(({ name, section }) => `${name} (${section})`).join(', ');
  return {
    attached: attached.map(({ name }) => ({ program: name, target: undefined })),
    note:
      others.length === 0
        ? undefined
        : `not attached, because their sections do not say to what: ${list}; use --attach PROGRAM=TARGET`,
  };
}

function globalsOf(
  { btf, globals }: ObjectDescription,
  set: ObjectSettings['set'],
  object: string,
): Parameters<BpfObject['set']>[0] {
  const values = set.map(({ name, value }) => {
    const global = globals.find((one) => one.name === name);
    if (global === undefined) {
      const names = globals.map((one) => one.name).join(', ');
      throw usageError(`--set: ${object} has no global variable ${name}; there are ${names || 'none'}`);
    }
    return [name, globalValue(name, btf.fieldType(global.type), value)] as const;
  });
  return Object.fromEntries(values);
}
