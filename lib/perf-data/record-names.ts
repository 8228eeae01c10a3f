import * as abi from '../abi/perf-event';

/** Not the constants for parts of records. */
const RECORD_NAME = /^PERF_RECORD_(?!MISC_|KSYMBOL_)(.*)/;

/** Names of the kernel's records: PERF_RECORD_… without the prefix. */
export const KERNEL_RECORD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(abi).flatMap(([name, type]) => {
    const [, short] = RECORD_NAME.exec(name) ?? [];
    return short === undefined ? [] : [[type as number, short] as const];
  }),
);
