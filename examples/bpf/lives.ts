// Written by `perfring gen lives.bpf.o`: write it anew when the program changes, and don't edit it.
import { defineLayout, type FieldType, type LayoutValues, type ValuesOf } from 'perfring';

export const start = defineLayout([
  { name: "life", kind: { enum: { "LIFE_START": 1, "LIFE_END": 2 }, as: "u32" }, offset: 0 },
  { name: "pid", kind: "u32", offset: 4 },
  { name: "comm", kind: "char[16]", offset: 8 },
], 24);
export type start = LayoutValues<typeof start>;

export const end = defineLayout([
  { name: "life", kind: { enum: { "LIFE_START": 1, "LIFE_END": 2 }, as: "u32" }, offset: 0 },
  { name: "pid", kind: "u32", offset: 4 },
  { name: "time", kind: "u64", offset: 8 },
], 16);
export type end = LayoutValues<typeof end>;
/** The layout of the events in each ring. */
export const events = {} as const;
export type EventMapName = keyof typeof events;

/** Maps: BPF_MAP_TYPE_*, and what their keys and values are, where the object says it. */
export const maps = { "lives": { "type": 27 } } as const;
export type MapName = keyof typeof maps;

/** Global variables: what they are. */
export const globals = {} as const satisfies Record<string, FieldType>;
export type Globals = ValuesOf<typeof globals>;

/** Programs: the section of each, which says where it attaches. */
export const programs = { "on_exec": "raw_tp/sched_process_exec", "on_exit": "raw_tp/sched_process_exit" } as const;
export type ProgramName = keyof typeof programs;
