import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { errnoNumber } from '../../../lib/abi/errno';
import type { NativeAddon } from '../../../lib/addon/contract';
import { addon, withAddon } from '../../../lib/addon/load';
import { PerfEventArray } from '../../../lib/bpf/perf-event-array';
import {
  FlightRecorder,
  type FlightRecorderOptions,
  type FlightSnapshot,
} from '../../../lib/perf-array/flight-recorder';
import { PerfMapReader } from '../../../lib/perf-array/perf-map-reader';
import { FlightScene } from '../../support/flight-scene';
import { Flood } from '../../support/flood';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';
import { until } from '../../support/until';
import { caughtWarnings } from '../../support/warnings';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;
const OTHERS = CPUS.slice(1);

/** A flight recorder on a map that other readers open by id, as other programs would. */
class ContestedMap extends FlightScene {
  /** The CPUs whose slots the recorder reported as taken. */
  readonly taken: number[] = [];
  /** Called for each report. */
  onTaken = (): void => undefined;
  readonly #theirs: PerfEventArray[] = [];

  constructor(native: NativeAddon = addon(), options: FlightRecorderOptions = {}) {
    super(options, [48], native);
    subscribe('perfring:taken', this.#listen);
  }

  readonly #listen = (message: unknown): void => {
    const { reader, cpu } = message as { reader: unknown; cpu: number };
    if (reader !== this.recorder) return;
    this.taken.push(cpu);
    this.onTaken();
  };

  another(cpus: readonly number[] = CPUS): PerfMapReader {
    const array = PerfEventArray.openById(this.array.info.id);
    this.#theirs.push(array);
    return PerfMapReader.open(array, { wakeup: 'manual', cpus });
  }

  override [Symbol.dispose](): void {
    unsubscribe('perfring:taken', this.#listen);
    super[Symbol.dispose]();
    for (const array of this.#theirs) array.close();
  }
}

/** The number of records of each CPU. */
function countsIn(snapshot: FlightSnapshot): Record<number, number> {
  const counts: Record<number, number> = {};
  snapshot.visit(({ cpu }) => {
    counts[cpu] = (counts[cpu] ?? 0) + 1;
  });
  return counts;
}

const each = (cpus: readonly number[], count: number): Record<number, number> =>
  Object.fromEntries(cpus.map((cpu) => [cpu, count]));

/** The addon, but calls that put an event into a slot fail while `refuses` returns true. */
function refusing(refuses: () => boolean): NativeAddon {
  return new Proxy(addon(), {
    get: (target, name, receiver) =>
      name === 'bpfMapSetEvent'
        ? (...args: Parameters<NativeAddon['bpfMapSetEvent']>) =>
            refuses() ? -errnoNumber('EPERM') : target.bpfMapSetEvent(...args)
        : Reflect.get(target, name, receiver),
  });
}

describeWith(SCENE_CAPABILITIES, 'a flight recorder whose slots another reader takes', () => {
  const warnings = caughtWarnings();

  it('does not take them back when it rotates, and reports it once, by a warning and a channel', async () => {
    using map = new ContestedMap();
    map.emitEverywhere(3);
    using other = map.another();
    map.emitEverywhere(4);
    expect(countsIn(await map.recorder.rotate())).toEqual(each(CPUS, 3));
    expect(map.taken).toEqual(CPUS);
    map.emitEverywhere(5);
    for (let round = 0; round < 3; round++) expect((await map.recorder.rotate()).records).toBe(0);
    expect(map.recorder.snapshot().visit(() => undefined)).toBe(0);
    map.recorder.close();
    map.emitEverywhere(6);
    expect(other.drain(() => undefined)).toBe(15 * CPUS.length);
    expect(map.taken).toEqual(CPUS);
    expect(warnings).toEqual([
      expect.stringMatching(
        `another reader took the slot of CPU ${CPU} in map ${map.array.info.id}, .* stop one of the two`,
      ),
    ]);
  });

  it('still rotates, without a gap, the slots that the other reader did not take', async () => {
    // Room for several seconds, because on a machine under load the rotation may be late.
    using map = new ContestedMap(addon(), { bufferBytes: 1 << 20 });
    using other = map.another([CPU]);
    const flood = await Flood.start({ mapId: map.array.info.id, rate: 2000 });
    try {
      const next = each(OTHERS, 0);
      const follow = (snapshot: FlightSnapshot): void => {
        snapshot.visit((record) => {
          const sequence = record.u64AsNumber(0);
          if (sequence !== next[record.cpu])
            throw new Error(`CPU ${record.cpu}: ${sequence}, not ${next[record.cpu]}`);
          next[record.cpu] = sequence + 1;
        });
      };
      let theirs = 0;
      for (let round = 0; round < 10; round++) {
        follow(await map.recorder.rotate());
        theirs += other.drain(() => undefined);
      }
      const reports = await flood.stop();
      follow(await map.recorder.rotate());
      theirs += other.drain(() => undefined);
      for (const cpu of OTHERS) {
        expect(reports.get(cpu)).toMatchObject({ failedTotal: 0, emitted: next[cpu] });
      }
      expect(theirs + other.stats().total.lost).toBe(reports.get(CPU)?.emitted);
      expect(map.taken).toEqual([CPU]);
    } finally {
      flood.kill();
    }
  });

  it('is also reported by a snapshot, which contains the earlier samples', () => {
    using map = new ContestedMap();
    map.emitEverywhere(2);
    using other = map.another([CPU]);
    map.emitEverywhere(2);
    for (let round = 0; round < 2; round++) {
      expect(countsIn(map.recorder.snapshot())).toEqual({ ...each(CPUS, 4), [CPU]: 2 });
      expect(map.taken).toEqual([CPU]);
    }
    expect(warnings).toHaveLength(1);
    expect(other.drain(() => undefined)).toBe(2);
  });

  it.each(['rotate', 'snapshot'] as const)('may be closed by the listener, in %s()', async (method) => {
    using map = new ContestedMap();
    map.emitEverywhere(2);
    using other = map.another();
    map.onTaken = () => map.recorder.close();
    expect(countsIn(await map.recorder[method]())).toEqual(each(CPUS, 2));
    expect(codeOf(() => map.recorder.snapshot())).toBe('ERR_PERF_CLOSED');
    // A recorder that is being closed emits no warning.
    expect([map.taken, warnings]).toEqual([CPUS, []]);
    map.emitEverywhere(1);
    expect(other.drain(() => undefined)).toBe(CPUS.length);
  });

  it('takes a slot back when the other reader has left it, also without a snapshot', async () => {
    using map = new ContestedMap();
    const regained: number[] = [];
    const listen = (message: unknown): void => void regained.push((message as { cpu: number }).cpu);
    subscribe('perfring:regained', listen);
    try {
      const other = map.another([CPU]);
      await until(() => map.taken.length > 0, 'the loss of the slot');
      await other.close();
      await until(() => regained.length > 0, 'the slot');
      expect([map.taken, regained]).toEqual([[CPU], [CPU]]);
      map.emitEverywhere(2);
      expect(countsIn(map.recorder.snapshot())).toEqual(each(CPUS, 2));
    } finally {
      unsubscribe('perfring:regained', listen);
    }
  });

  it('tries again to fill an empty slot, and warns once', async () => {
    let refusals = 0;
    using map = new ContestedMap(refusing(() => refusals-- > 0));
    refusals = 2;
    using theirs = PerfEventArray.openById(map.array.info.id);
    theirs.clear(CPU);
    await until(() => refusals < 0, 'a further try');
    map.producer.emit(1, { cpu: CPU });
    expect(map.recorder.snapshot().records).toBe(1);
    expect(warnings).toEqual([
      expect.stringContaining(`slot of CPU ${CPU}`),
      expect.stringMatching(/a flight recorder cannot fill an empty slot, and will try again: .*EPERM/),
    ]);
  });

  it('reports that its array was closed', async () => {
    using map = new ContestedMap();
    map.emitEverywhere(1);
    map.array.close();
    await until(() => warnings.length > 0, 'a warning');
    expect(warnings).toEqual([expect.stringMatching(/the perf event array was closed before its reader/)]);
    expect(countsIn(map.recorder.snapshot())).toEqual(each(CPUS, 1));
  });

  it('reports no slot that it could not fill', () => {
    let refusals = 0;
    const native = refusing(() => refusals++ === CPUS.length - 1);
    using array = withAddon(native, () => PerfEventArray.create());
    const taken: unknown[] = [];
    const listen = (message: unknown): void => void taken.push(message);
    subscribe('perfring:taken', listen);
    try {
      expect(codeOf(() => withAddon(native, () => FlightRecorder.open(array)))).toBe('EPERM');
    } finally {
      unsubscribe('perfring:taken', listen);
    }
    expect([taken, warnings]).toEqual([[], []]);
  });

  it('also leaves them to it when the program that checks slots cannot be loaded', async () => {
    using map = new ContestedMap({ ...addon(), bpfProgramLoad: () => -errnoNumber('EPERM') });
    using other = map.another();
    map.emitEverywhere(1);
    expect((await map.recorder.rotate()).records).toBe(0);
    map.emitEverywhere(2);
    expect((await map.recorder.rotate()).records).toBe(0);
    expect(other.drain(() => undefined)).toBe(3 * CPUS.length);
    expect(map.taken).toEqual([]);
  });
});
