// Written by `perfring gen both.bpf.o`: write it anew when the program changes, and don't edit it.
import { defineLayout, type FieldType, type LayoutValues, type ValuesOf } from 'perfring';

export const moment = defineLayout([
  { name: "time", kind: "u64", offset: 0 },
  { name: "pid", kind: "u32", offset: 8 },
  { name: "cpu", kind: "u32", offset: 12 },
], 16);
export type moment = LayoutValues<typeof moment>;
/** The layout of the events in each ring. */
export const events = { "starts": moment, "ends": moment } as const;
export type EventMapName = keyof typeof events;

/** Maps: BPF_MAP_TYPE_*, and what their keys and values are, where the object says it. */
export const maps = { "starts": { "type": 27, "value": moment }, "ends": { "type": 4, "value": moment } } as const;
export type MapName = keyof typeof maps;

/** Global variables: what they are. */
export const globals = {} as const satisfies Record<string, FieldType>;
export type Globals = ValuesOf<typeof globals>;

/** Programs: the section of each, which says where it attaches. */
export const programs = { "on_exec": "raw_tp/sched_process_exec", "on_exit": "raw_tp/sched_process_exit" } as const;
export type ProgramName = keyof typeof programs;
