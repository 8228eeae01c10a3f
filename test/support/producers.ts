import {
  BPF_F_CURRENT_CPU,
  BPF_FUNC_get_smp_processor_id,
  BPF_FUNC_map_lookup_elem,
  BPF_FUNC_perf_event_output,
  BPF_MAP_TYPE_ARRAY,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SCHED_CLS,
} from '../../lib/abi/bpf';
import { errnoName, isErrno, systemError } from '../../lib/abi/errno';
import { addon } from '../../lib/addon/load';
import { BpfMap } from '../../lib/bpf/bpf-map';
import { BpfProgram } from '../../lib/bpf/bpf-program';
import * as asm from '../../lib/bpf/instructions';
import { possibleCpus } from '../../lib/host/cpu-list';
import { LARGEST_PAYLOAD_BYTES, PATTERN, PATTERN_BYTES, PATTERN_PLACES } from './sample-payload';

/** Counts of a producer. `emitted`: calls of bpf_perf_event_output. `failed`: those that returned an error. */
export interface ProducerCounts {
  readonly emitted: number;
  /** Name of the errno -> number of failures. ENOSPC: the ring was full. */
  readonly failed: Readonly<Record<string, number>>;
  readonly failedTotal: number;
}

export interface ProducerOptions {
  /**
   * Payload bytes, 0 to {@link LARGEST_PAYLOAD_BYTES} each; sample `n` of a CPU has `sizes[n % sizes.length]`.
   * At most 256 sizes. By default [48].
   */
  readonly sizes?: readonly number[];
}

const MAX_SIZES = 256;
/** Errnos from 0 to 127 are counted. Greater ones are counted as 127. */
const HIGHEST_ERRNO = 127;

/** Offsets in a value of the state map, one for each CPU: u64 next sequence number, then u64 failures by errno. */
const STATE_NEXT = 0;
const STATE_FAILURES = 8;
const STATE_BYTES = STATE_FAILURES + (HIGHEST_ERRNO + 1) * 8;

/** Offsets in the value of the sizes map: u32 number of sizes, u32 unused, then the sizes as u32. */
const SIZES_COUNT = 0;
const SIZES_LIST = 8;
const SIZES_BYTES = SIZES_LIST + MAX_SIZES * 4;

/** The packet with which the tc program is run. The kernel accepts no shorter one. */
const PACKET = new Uint8Array(14);

/** The largest `repeat` of one run, so that a signal is handled soon. */
const RUNS_AT_ONCE = 1_000_000;

/** The maps and instructions that both producers use: sequence numbers, sizes, buffers, counts. */
class ProducerState {
  readonly #cpuCount = Math.max(...possibleCpus()) + 1;
  readonly #states: BpfMap;
  readonly #sizes: BpfMap;
  readonly #buffers: BpfMap;
  readonly program: BpfProgram;

  constructor(programType: number, array: { readonly fd: number }, options: ProducerOptions) {
    const opened: { close(): void }[] = [];
    const map = (name: string, valueSize: number, maxEntries: number): BpfMap => {
      const created = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize, maxEntries, name });
      opened.push(created);
      return created;
    };
    try {
      this.#states = map('producer_state', STATE_BYTES, this.#cpuCount);
      this.#sizes = map('producer_sizes', SIZES_BYTES, 1);
      this.#buffers = map('producer_bytes', PATTERN_BYTES, this.#cpuCount);
      for (let cpu = 0; cpu < this.#cpuCount; cpu++) this.#buffers.update(key(cpu), PATTERN);
      this.setSizes(options.sizes ?? [48]);
      this.program = BpfProgram.load({
        type: programType,
        instructions: instructions(array.fd, this.#states.fd, this.#sizes.fd, this.#buffers.fd),
        name: 'producer',
      });
    } catch (error) {
      for (const resource of opened) resource.close();
      throw error;
    }
  }

  setSizes(sizes: readonly number[]): void {
    if (sizes.length === 0 || sizes.length > MAX_SIZES) throw new RangeError(`1 to ${MAX_SIZES} sizes`);
    const value = new Uint8Array(SIZES_BYTES);
    const view = new DataView(value.buffer);
    view.setUint32(SIZES_COUNT, sizes.length, true);
    sizes.forEach((size, index) => {
      if (!(size >= 0 && size <= LARGEST_PAYLOAD_BYTES))
        throw new RangeError(`no producer writes ${size} bytes`);
      view.setUint32(SIZES_LIST + index * 4, size, true);
    });
    this.#sizes.update(key(0), value);
  }

  /** The next sequence number of a CPU, which equals the number of samples emitted there. */
  emittedOn(cpu: number): number {
    return Number(this.#stateOf(cpu).getBigUint64(STATE_NEXT, true));
  }

  counts(cpu?: number): ProducerCounts {
    const cpus = cpu === undefined ? Array.from({ length: this.#cpuCount }, (_, index) => index) : [cpu];
    let emitted = 0;
    let failedTotal = 0;
    const failed: Record<string, number> = {};
    for (const state of cpus.map((one) => this.#stateOf(one))) {
      emitted += Number(state.getBigUint64(STATE_NEXT, true));
      for (let errno = 0; errno <= HIGHEST_ERRNO; errno++) {
        const count = Number(state.getBigUint64(STATE_FAILURES + errno * 8, true));
        if (count === 0) continue;
        failed[errnoName(errno)] = (failed[errnoName(errno)] ?? 0) + count;
        failedTotal += count;
      }
    }
    return { emitted, failed, failedTotal };
  }

  close(): void {
    this.program.close();
    this.#states.close();
    this.#sizes.close();
    this.#buffers.close();
  }

  #stateOf(cpu: number): DataView {
    const value = this.#states.lookup(key(cpu));
    if (value === null) throw new RangeError(`there is no CPU ${cpu}`);
    return new DataView(value.buffer);
  }
}

/**
 * Writes exactly a given number of samples on a given CPU, by a tc program that BPF_PROG_TEST_RUN runs. Payloads are
 * those of sample-payload.ts. Sequence numbers count from 0 on each CPU. Only one thread at a time may emit on a CPU.
 * Needs CAP_NET_ADMIN, as every tc program does.
 */
export class SampleProducer {
  readonly #state: ProducerState;

  /** @param array the perf event array to write to; close() leaves it open */
  constructor(array: { readonly fd: number }, options: ProducerOptions = {}) {
    this.#state = new ProducerState(BPF_PROG_TYPE_SCHED_CLS, array, options);
  }

  /**
   * Emits `count` samples. The calling thread runs on that CPU meanwhile; its affinity is restored afterwards.
   * @returns the nanoseconds that one sample took, as the kernel measured them, rounded down
   */
  emit(count: number, { cpu }: { readonly cpu: number }): { readonly nanosecondsPerSample: number } {
    return onCpu(cpu, () => {
      const end = this.#state.emittedOn(cpu) + count;
      let nanoseconds = 0;
      for (let left = count; left > 0; left = end - this.#state.emittedOn(cpu)) {
        const repeat = Math.min(left, RUNS_AT_ONCE);
        nanoseconds += this.#run(repeat) * repeat;
      }
      return { nanosecondsPerSample: count === 0 ? 0 : nanoseconds / count };
    });
  }

  /** Changes the sizes of later samples. */
  setSizes(sizes: readonly number[]): void {
    this.#state.setSizes(sizes);
  }

  /** The counts of one CPU, or the sums for all CPUs. */
  counts(cpu?: number): ProducerCounts {
    return this.#state.counts(cpu);
  }

  /** Idempotent. */
  close(): void {
    this.#state.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A signal may end the runs early. Then the caller runs the rest. */
  #run(repeat: number): number {
    try {
      return this.#state.program.testRun({ dataIn: PACKET, repeat }).durationNanoseconds;
    } catch (error) {
      if ((error as { code?: unknown }).code === 'EINTR') return 0;
      throw error;
    }
  }
}

/**
 * Writes exactly one sample on a given CPU, whatever CPU the caller runs on: by a raw tracepoint program that is run
 * with BPF_F_TEST_RUN_ON_CPU. Payloads and counts are those of {@link SampleProducer}.
 */
export class RemoteSampleProducer {
  readonly #state: ProducerState;

  constructor(array: { readonly fd: number }, options: ProducerOptions = {}) {
    this.#state = new ProducerState(BPF_PROG_TYPE_RAW_TRACEPOINT, array, options);
  }

  emitOne({ cpu }: { readonly cpu: number }): void {
    this.#state.program.testRun({ cpu });
  }

  setSizes(sizes: readonly number[]): void {
    this.#state.setSizes(sizes);
  }

  counts(cpu?: number): ProducerCounts {
    return this.#state.counts(cpu);
  }

  close(): void {
    this.#state.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Calls `run` with the calling thread on one CPU. */
function onCpu<Result>(cpu: number, run: () => Result): Result {
  const before = addon().getThreadAffinity();
  if (typeof before === 'number')
    throw systemError(before, 'sched_getaffinity', 'reading the CPUs of this thread');
  moveTo([cpu]);
  try {
    return run();
  } finally {
    moveTo(before);
  }
}

function moveTo(cpus: number[]): void {
  const answer = addon().setThreadAffinity(cpus);
  if (answer >= 0) return;
  const why = isErrno(answer, 'EINVAL') ? 'none of them is online and allowed' : 'it failed';
  throw systemError(answer, 'sched_setaffinity', `moving this thread to CPU ${cpus.join(',')}: ${why}`);
}

function key(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}

/** r6: the context; r7: the state of this CPU; r8: the address of the sample in the buffer; r9: the sequence number. */
function instructions(arrayFd: number, statesFd: number, sizesFd: number, buffersFd: number): Uint8Array {
  const CPU_KEY = -4;
  const KEPT_WORD = -16;
  const ofThisCpu = (mapFd: number): asm.Line[] => [
    asm.loadMapFd('r1', mapFd),
    asm.mov('r2', 'r10'),
    asm.add('r2', CPU_KEY),
    asm.call(BPF_FUNC_map_lookup_elem),
    asm.jumpIf('r0', '==', 0, 'out'),
  ];
  return asm.assemble([
    asm.mov('r6', 'r1'),
    asm.call(BPF_FUNC_get_smp_processor_id),
    asm.store('u32', 'r10', CPU_KEY, 'r0'),
    ...ofThisCpu(statesFd),
    asm.mov('r7', 'r0'),
    ...ofThisCpu(buffersFd),
    asm.mov('r8', 'r0'),

    asm.load('u64', 'r9', 'r7', STATE_NEXT),
    asm.mov('r1', 'r9'),
    asm.add('r1', 1),
    asm.store('u64', 'r7', STATE_NEXT, 'r1'),

    // r5 = sizes[sequence % count]
    asm.loadMapValue('r1', sizesFd),
    asm.load('u32', 'r2', 'r1', SIZES_COUNT),
    asm.mov('r3', 'r9'),
    asm.mod('r3', 'r2'),
    asm.jumpIf('r3', '>', MAX_SIZES - 1, 'out'),
    asm.shiftLeft('r3', 2),
    asm.add('r1', 'r3'),
    asm.load('u32', 'r5', 'r1', SIZES_LIST),
    asm.jumpIf('r5', '>', LARGEST_PAYLOAD_BYTES, 'out'),

    // The sequence number overwrites 8 bytes of the pattern, which are restored afterwards.
    asm.mov('r3', 'r9'),
    asm.and('r3', PATTERN_PLACES - 1),
    asm.shiftLeft('r3', 3),
    asm.add('r8', 'r3'),
    asm.load('u64', 'r1', 'r8', 0),
    asm.store('u64', 'r10', KEPT_WORD, 'r1'),
    asm.store('u64', 'r8', 0, 'r9'),

    asm.mov('r1', 'r6'),
    asm.loadMapFd('r2', arrayFd),
    asm.mov32('r3', BPF_F_CURRENT_CPU),
    asm.mov('r4', 'r8'),
    asm.call(BPF_FUNC_perf_event_output),

    asm.load('u64', 'r1', 'r10', KEPT_WORD),
    asm.store('u64', 'r8', 0, 'r1'),
    asm.jumpIf('r0', '==', 0, 'out'),

    // failures[-result] += 1
    asm.mov('r1', 0),
    asm.sub('r1', 'r0'),
    asm.jumpIf('r1', '<=', HIGHEST_ERRNO, 'count'),
    asm.mov('r1', HIGHEST_ERRNO),
    asm.label('count'),
    asm.shiftLeft('r1', 3),
    asm.add('r7', 'r1'),
    asm.load('u64', 'r2', 'r7', STATE_FAILURES),
    asm.add('r2', 1),
    asm.store('u64', 'r7', STATE_FAILURES, 'r2'),

    asm.label('out'),
    asm.mov('r0', 0),
    asm.exit(),
  ]);
}
