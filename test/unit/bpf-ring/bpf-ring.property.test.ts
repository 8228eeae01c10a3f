import fc from 'fast-check';
import { BpfRing } from '../../../lib/bpf-ring/bpf-ring';
import { STOP } from '../../../lib/records/record';
import { BpfMemoryRing, type Reserved } from '../../support/bpf-memory-ring';
import { propertyRuns } from '../../support/property-runs';

type Step =
  | { readonly kind: 'reserve'; readonly size: number }
  | { readonly kind: 'commit'; readonly which: number; readonly discard: boolean }
  | { readonly kind: 'visit'; readonly limit: number; readonly stopAfter: number }
  | { readonly kind: 'next'; readonly count: number }
  | { readonly kind: 'batch' }
  | { readonly kind: 'keep'; readonly keep: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({ kind: fc.constant('reserve' as const), size: fc.integer({ min: 4, max: 200 }) }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ kind: fc.constant('commit' as const), which: fc.nat(7), discard: fc.boolean() }),
      weight: 4,
    },
    fc.record({
      kind: fc.constant('visit' as const),
      limit: fc.integer({ min: 1, max: 20 }),
      stopAfter: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ kind: fc.constant('next' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('batch' as const) }),
    fc.record({ kind: fc.constant('keep' as const), keep: fc.boolean() }),
  ),
  { maxLength: 200 },
);

const starts = fc.constantFrom(0n, 1000n, 2n ** 32n - 400n, 2n ** 64n - 400n);

interface Sent {
  readonly reserved: Reserved;
  readonly number: number;
  state: 'busy' | 'committed' | 'discarded';
}

function payloadOf({ reserved, number }: Sent): Uint8Array {
  const payload = new Uint8Array(reserved.size).fill(number & 0xff);
  new DataView(payload.buffer).setUint32(0, number, true);
  return payload;
}

const cursorKinds = fc.constantFrom<'memory' | 'mapped' | 'mapped, before pending_pos'>(
  'memory',
  'mapped',
  'mapped, before pending_pos',
);

function ringOf(memory: BpfMemoryRing, kind: string): BpfRing {
  if (kind === 'mapped, before pending_pos') {
    memory.hasPending = false;
    memory.pending = 0n;
  }
  return new BpfRing(kind === 'memory' ? memory.parts : memory.mappedParts);
}

describe('BpfRing, in any order of steps of programs and reader,', () => {
  it('delivers each record that was submitted once, in order and whole, and misses no wake', () => {
    fc.assert(
      fc.property(steps, starts, cursorKinds, (plan, start, kind) => {
        const memory = new BpfMemoryRing(1024, start);
        const ring = ringOf(memory, kind);
        const sent: Sent[] = [];
        const got: number[] = [];
        let keeps = false;
        const check = (number: number, bytes: Uint8Array): void => {
          got.push(number);
          expect(bytes).toEqual(payloadOf(sent[number] as Sent));
        };
        const settle = (): void => {
          while (ring.isReady()) {
            ring.beginBatch();
            ring.visit(
              (record) => check(record.u32(0), record.bytes()),
              () => undefined,
              1000,
            );
            ring.finishBatch();
          }
        };
        for (const step of plan) {
          if (step.kind === 'reserve') {
            const reserved = memory.reserve(step.size);
            if (reserved === null) continue;
            const one: Sent = { reserved, number: sent.length, state: 'busy' };
            sent.push(one);
            memory.write(reserved, payloadOf(one));
          } else if (step.kind === 'commit') {
            const busy = sent.filter(({ state }) => state === 'busy');
            const one = busy[step.which % Math.max(1, busy.length)];
            if (one === undefined) continue;
            // A reader that waits has read and released everything that is committed.
            const waits = !ring.inBatch && !keeps && !ring.isReady();
            const { wakes } = memory;
            memory.commit(one.reserved, step.discard);
            one.state = step.discard ? 'discarded' : 'committed';
            if (waits && ring.isReady()) expect(memory.wakes).toBe(wakes + 1);
          } else if (step.kind === 'keep') {
            keeps = step.keep;
            ring.keepLast(keeps);
          } else if (step.kind === 'batch') {
            if (ring.inBatch) ring.finishBatch();
            else ring.beginBatch();
          } else if (ring.inBatch && step.kind === 'visit') {
            let visited = 0;
            ring.visit(
              (record) => {
                check(record.u32(0), record.bytes());
                visited++;
                return visited === step.stopAfter ? STOP : undefined;
              },
              () => undefined,
              step.limit,
            );
          } else if (ring.inBatch && step.kind === 'next') {
            for (let i = 0; i < step.count; i++) {
              const record = ring.next();
              if (record !== null) check(record.u32(0), record.bytes());
            }
          }
        }
        if (ring.inBatch) ring.finishBatch();
        ring.keepLast(false);
        settle();
        for (const one of sent.filter(({ state }) => state === 'busy')) {
          memory.commit(one.reserved);
          one.state = 'committed';
        }
        settle();
        expect(got).toEqual(sent.filter(({ state }) => state === 'committed').map(({ number }) => number));
        expect(memory.consumer).toBe(memory.producer);
        expect(ring.counters.consumedBytes).toBe(Number(BigInt.asUintN(64, memory.producer - start)));
        expect(ring.counters.releasedBytes).toBe(ring.counters.consumedBytes);
      }),
      propertyRuns(900),
    );
  });

  it('reads no byte outside the ring, whatever it contains', () => {
    const words = fc.uint8Array({ minLength: 1024, maxLength: 1024 });
    const positions = fc.tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.integer({ min: -64, max: 1200 }));
    fc.assert(
      fc.property(
        words,
        positions,
        fc.boolean(),
        cursorKinds,
        (bytes, [consumer, distance], aligned, kind) => {
          const memory = new BpfMemoryRing(1024, aligned ? (consumer >> 3n) << 3n : consumer);
          const data = new Uint8Array(memory.memory);
          data.set(bytes, 4096);
          data.set(bytes, 4096 + 1024);
          memory.producer = BigInt.asUintN(64, memory.consumer + BigInt(distance));
          memory.pending = memory.consumer + BigInt(bytes[0] as number) * 8n;
          const ring = ringOf(memory, kind);
          const faults: unknown[] = [];
          ring.onFault = ({ error }) => faults.push(error.code);
          for (let batch = 0; batch < 3; batch++) {
            ring.beginBatch();
            const first = ring.next();
            if (first !== null) expect(first.bytes().length).toBe(first.size);
            ring.visit(
              (record) => expect(record.bytes().length).toBe(record.size),
              () => undefined,
              1000,
            );
            ring.finishBatch();
          }
          expect(faults.every((code) => code === 'ERR_PERF_RING_CORRUPT')).toBe(true);
          ring.close();
        },
      ),
      propertyRuns(300),
    );
  });
});
