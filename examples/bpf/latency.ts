// Written by `perfring gen latency.bpf.o`: write it anew when the program changes, and don't edit it.
import { type FieldType, type ValuesOf } from 'perfring';
/** The layout of the events in each ring. */
export const events = {} as const;
export type EventMapName = keyof typeof events;

/** Maps: BPF_MAP_TYPE_*, and what their keys and values are, where the object says it. */
export const maps = { "started": { "type": 1, "key": "u32", "value": "u64" }, "buckets": { "type": 6, "key": "u32", "value": "u64" } } as const;
export type MapName = keyof typeof maps;

/** Global variables: what they are. */
export const globals = { "target_pid": "u32" } as const satisfies Record<string, FieldType>;
export type Globals = ValuesOf<typeof globals>;

/** Programs: the section of each, which says where it attaches. */
export const programs = { "on_enter": "raw_tp/sys_enter", "on_exit": "raw_tp/sys_exit" } as const;
export type ProgramName = keyof typeof programs;
