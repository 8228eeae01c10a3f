// Written by `perfring gen exec.bpf.o`: write it anew when the program changes, and don't edit it.
import { defineLayout, type FieldType, type LayoutValues, type ValuesOf } from 'perfring';

export const exec = defineLayout([
  { name: "time", kind: "u64", offset: 0 },
  { name: "pid", kind: "u32", offset: 8 },
  { name: "uid", kind: "u32", offset: 12 },
  { name: "comm", kind: "char[16]", offset: 16 },
], 32);
export type exec = LayoutValues<typeof exec>;
/** The layout of the events in each ring. */
export const events = { "execs": exec } as const;
export type EventMapName = keyof typeof events;

/** Maps: BPF_MAP_TYPE_*, and what their keys and values are, where the object says it. */
export const maps = { "execs": { "type": 27, "value": exec } } as const;
export type MapName = keyof typeof maps;

/** Global variables: what they are. */
export const globals = { "only_uid": "u32" } as const satisfies Record<string, FieldType>;
export type Globals = ValuesOf<typeof globals>;

/** Programs: the section of each, which says where it attaches. */
export const programs = { "on_exec": "raw_tp/sched_process_exec" } as const;
export type ProgramName = keyof typeof programs;
