import { BpfRing } from '../../../lib/bpf-ring/bpf-ring';
import type { PerfRingError } from '../../../lib/errors';
import { type RingRecord, STOP } from '../../../lib/records/record';
import { BpfMemoryRing } from '../../support/bpf-memory-ring';

interface Scene {
  readonly memory: BpfMemoryRing;
  readonly ring: BpfRing;
  readonly faults: { readonly bytes: number; readonly error: PerfRingError }[];
  shared: number;
}

function sceneOf(memory = new BpfMemoryRing()): Scene {
  const scene: Omit<Scene, 'ring'> = { memory, faults: [], shared: 0 };
  const ring = new BpfRing(memory.parts);
  ring.onFault = ({ skippedBytes: bytes, error }) => scene.faults.push({ bytes, error });
  ring.onShared = () => {
    scene.shared++;
  };
  return Object.assign(scene, { ring });
}

const payload = (size: number, first = 1): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => first + i);

/** Reads one batch. @returns the first bytes of the visited records */
function drain({ ring }: Scene, keepLast = false): number[] {
  const seen: number[] = [];
  ring.beginBatch();
  ring.visit(
    (record) => {
      seen.push(record.u8(0));
    },
    none,
    Number.MAX_SAFE_INTEGER,
  );
  ring.keepLast(keepLast);
  ring.finishBatch();
  return seen;
}

/** The visitor of records other than samples. A ring buffer has none. */
const none = (): void => {};

const code = (name: string): Error => expect.objectContaining({ code: name }) as Error;

describe('BpfRing reads', () => {
  it.each([1, 7, 8, 9, 44, 4088])('a payload of %i bytes exactly', (size) => {
    const scene = sceneOf();
    scene.memory.output(payload(size));
    const copies: Uint8Array[] = [];
    scene.ring.beginBatch();
    scene.ring.visit(
      (record) => {
        copies.push(record.bytes());
      },
      none,
      10,
    );
    expect(copies).toEqual([payload(size)]);
  });

  it('an empty payload', () => {
    const scene = sceneOf();
    scene.memory.output(payload(0));
    scene.ring.beginBatch();
    expect(scene.ring.visit((record) => expect(record.size).toBe(0), none, 10)).toBe(1);
  });

  it('a record that lies across the end of the data, in one piece', () => {
    const scene = sceneOf(new BpfMemoryRing(4096, 4080n));
    scene.memory.output(payload(40));
    scene.memory.output(payload(40, 2));
    expect(drain(scene)).toEqual([1, 2]);
    expect(scene.memory.consumer).toBe(scene.memory.producer);
  });

  it('past 2^32 and 2^53 bytes', () => {
    for (const start of [2n ** 32n - 24n, 2n ** 53n - 24n, 2n ** 64n - 24n]) {
      const scene = sceneOf(new BpfMemoryRing(4096, start));
      for (let first = 1; first < 9; first++) scene.memory.output(payload(8, first));
      expect(drain(scene)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      scene.memory.output(payload(8, 9));
      expect(drain(scene)).toEqual([9]);
      expect([scene.shared, scene.faults]).toEqual([0, []]);
    }
  });

  it('what was there before it was made', () => {
    const memory = new BpfMemoryRing();
    memory.output(payload(8));
    expect(drain(sceneOf(memory))).toEqual([1]);
  });

  it('nothing of an empty ring', () => {
    const scene = sceneOf();
    expect(scene.ring.beginBatch()).toBe(0);
    expect([scene.ring.bytesLeft > 0, scene.ring.next()]).toEqual([false, null]);
  });

  it('records that have only a payload', () => {
    const scene = sceneOf();
    scene.memory.output(payload(8));
    scene.ring.beginBatch();
    const record = scene.ring.next() as RingRecord;
    expect([record.cpu, record.type, record.misc, record.time, record.pid, record.sampleCpu]).toEqual([
      -1,
      9,
      0,
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => record.u64(4)).toThrow(code('ERR_PERF_OUT_OF_RANGE'));
  });
});

describe('BpfRing steps over', () => {
  it('discarded records', () => {
    const scene = sceneOf();
    const { memory } = scene;
    for (const [first, discard] of [
      [1, true],
      [2, false],
      [3, true],
      [4, true],
      [5, false],
      [6, true],
    ] as const) {
      const reserved = memory.reserve(16);
      if (reserved === null) throw new Error('full');
      memory.write(reserved, payload(16, first));
      memory.commit(reserved, discard);
    }
    expect(drain(scene)).toEqual([2, 5]);
    expect(memory.consumer).toBe(memory.producer);
    expect([scene.ring.counters.samples, scene.ring.counters.consumedBytes]).toEqual([2, 6 * 24]);
  });

  it('discarded records with next() as well', () => {
    const scene = sceneOf();
    const reserved = scene.memory.reserve(16);
    if (reserved === null) throw new Error('full');
    scene.memory.commit(reserved, true);
    scene.memory.output(payload(8, 7));
    scene.ring.beginBatch();
    expect([scene.ring.next()?.u8(0), scene.ring.next()]).toEqual([7, null]);
    scene.ring.finishBatch();
    expect(scene.memory.consumer).toBe(scene.memory.producer);
  });
});

describe('A record that is not committed', () => {
  it('ends the batch: the records after it come in a later one', () => {
    const scene = sceneOf();
    const { memory, ring } = scene;
    memory.output(payload(8, 1));
    const busy = memory.reserve(8);
    memory.output(payload(8, 3));
    expect(drain(scene)).toEqual([1]);
    expect([ring.isReady(), ring.unreadBytes()]).toEqual([false, 32]);
    expect(ring.beginBatch()).toBe(0);
    ring.finishBatch();
    if (busy === null) throw new Error('full');
    memory.write(busy, payload(8, 2));
    memory.commit(busy);
    expect([memory.wakes, ring.isReady()]).toEqual([2, true]);
    expect(drain(scene)).toEqual([2, 3]);
  });

  it('is not read in a batch that began before it was committed, and is checked only once', () => {
    const scene = sceneOf();
    const { parts } = scene.memory;
    let looks = 0;
    const committed = parts.cursors.committed.bind(parts.cursors);
    const cursors = Object.assign(Object.create(parts.cursors), {
      available: (consumer: number) => parts.cursors.available(consumer),
      consumer: () => parts.cursors.consumer(),
      committed: (...given: Parameters<typeof committed>) => {
        looks++;
        return committed(...given);
      },
    });
    const ring = new BpfRing({ ...parts, cursors });
    scene.memory.reserve(8);
    ring.beginBatch();
    for (let i = 0; i < 10; i++)
      expect([ring.bytesLeft > 0, ring.next(), ring.visit(() => {}, none, 5)]).toEqual([false, null, 0]);
    expect(looks).toBe(1);
  });
});

describe('A visit', () => {
  function filled(): Scene {
    const scene = sceneOf();
    for (let first = 1; first <= 9; first++) scene.memory.output(payload(first < 5 ? 8 : 20, first));
    return scene;
  }

  it.each([1, 2, 3, 4, 5, 8, 9])('ends after %i records, and continues there', (limit) => {
    const { ring } = filled();
    const seen: number[] = [];
    ring.beginBatch();
    while (ring.bytesLeft > 0) ring.visit((record) => void seen.push(record.u8(0)), none, limit);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('ends with STOP, after that record', () => {
    const scene = filled();
    scene.ring.beginBatch();
    expect(scene.ring.visit((record) => (record.u8(0) === 3 ? STOP : undefined), none, 100)).toBe(3);
    expect([scene.ring.stopped, scene.ring.bytesLeft > 0]).toEqual([true, true]);
    scene.ring.finishBatch();
    expect(drain(scene)).toEqual([4, 5, 6, 7, 8, 9]);
  });

  it('throws what the visitor throws; its record is consumed', () => {
    const scene = filled();
    scene.ring.beginBatch();
    expect(() =>
      scene.ring.visit(
        (record) => {
          if (record.u8(0) === 6) throw new Error('six');
        },
        none,
        100,
      ),
    ).toThrow('six');
    scene.ring.finishBatch();
    expect(drain(scene)).toEqual([7, 8, 9]);
    expect(scene.ring.counters.samples).toBe(9);
  });

  it('mixes with next()', () => {
    const scene = filled();
    scene.ring.beginBatch();
    expect(scene.ring.next()?.u8(0)).toBe(1);
    expect(scene.ring.next()?.u8(0)).toBe(2);
    const seen: number[] = [];
    scene.ring.visit((record) => void seen.push(record.u8(0)), none, 2);
    expect([...seen, scene.ring.next()?.u8(0)]).toEqual([3, 4, 5]);
    scene.ring.finishBatch();
    expect(drain(scene)).toEqual([6, 7, 8, 9]);
  });

  it('lends its record until it returns', () => {
    const { ring } = filled();
    let kept: RingRecord | undefined;
    ring.beginBatch();
    ring.visit(
      (record) => {
        kept = record;
      },
      none,
      1,
    );
    expect(() => kept?.u8(0)).toThrow(code('ERR_PERF_OUT_OF_RANGE'));
  });

  it('does not nest', () => {
    const { ring } = filled();
    ring.beginBatch();
    ring.visit(
      () => {
        expect(() => ring.visit(none, none, 1)).toThrow(code('ERR_PERF_BUSY'));
        expect(() => ring.next()).toThrow(code('ERR_PERF_BUSY'));
        expect(() => ring.finishBatch()).toThrow(code('ERR_PERF_BUSY'));
        expect(() => ring.beginBatch()).toThrow(code('ERR_PERF_BATCH_OPEN'));
      },
      none,
      1,
    );
    expect.assertions(4);
  });

  it('needs an open batch', () => {
    const { ring } = filled();
    expect(() => ring.visit(() => {}, none, 1)).toThrow(code('ERR_PERF_NO_READ_BATCH'));
  });
});

describe('Keeping the last record', () => {
  it('leaves consumer_pos one record behind, so that no commit wakes', () => {
    const scene = sceneOf();
    const { memory, ring } = scene;
    memory.output(payload(8, 1));
    memory.output(payload(16, 2));
    expect(drain(scene, true)).toEqual([1, 2]);
    expect(memory.producer - memory.consumer).toBe(24n);
    const wakes = memory.wakes;
    memory.output(payload(8, 3));
    memory.output(payload(8, 4));
    expect(memory.wakes).toBe(wakes);
    expect([ring.isReady(), ring.unreadBytes()]).toEqual([true, 32]);
    expect(drain(scene, true)).toEqual([3, 4]);
    expect(memory.producer - memory.consumer).toBe(16n);
    expect(drain(scene, true)).toEqual([]);
    expect(memory.producer - memory.consumer).toBe(16n);
  });

  it('ends with keepLast(false): the next commit wakes', () => {
    const scene = sceneOf();
    scene.memory.output(payload(8, 1));
    drain(scene, true);
    scene.ring.keepLast(false);
    expect([scene.memory.producer - scene.memory.consumer, scene.ring.isReady()]).toEqual([0n, false]);
    const { wakes } = scene.memory;
    scene.memory.output(payload(8, 2));
    expect(scene.memory.wakes).toBe(wakes + 1);
    expect(drain(scene)).toEqual([2]);
  });

  it('ends with close()', () => {
    const scene = sceneOf();
    scene.memory.output(payload(8, 1));
    drain(scene, true);
    scene.ring.close();
    expect(scene.memory.consumer).toBe(scene.memory.producer);
  });

  it('takes the room of that record from the programs', () => {
    const scene = sceneOf();
    scene.memory.output(payload(1000));
    drain(scene, true);
    expect(scene.memory.reserve(4096 - 8)).toBeNull();
    scene.ring.keepLast(false);
    expect(scene.memory.reserve(4096 - 8)).not.toBeNull();
  });
});

describe('Closing', () => {
  it('releases what was read', () => {
    const scene = sceneOf();
    for (const first of [1, 2, 3]) scene.memory.output(payload(8, first));
    scene.ring.beginBatch();
    scene.ring.next();
    scene.ring.next();
    scene.ring.close();
    scene.ring.close();
    expect(drain(sceneOf(scene.memory))).toEqual([3]);
    expect(() => scene.ring.beginBatch()).toThrow(code('ERR_PERF_CLOSED'));
    expect([scene.ring.isReady(), scene.ring.bytesLeft > 0, scene.ring.unreadBytes()]).toEqual([
      false,
      false,
      0,
    ]);
  });

  it('in a visitor ends the visit, and releases what was visited', () => {
    const scene = sceneOf();
    for (const first of [1, 2, 3, 4]) scene.memory.output(payload(8, first));
    scene.ring.beginBatch();
    let visited = 0;
    scene.ring.visit(
      (record) => {
        visited++;
        if (record.u8(0) !== 2) return;
        scene.ring.close();
        expect(() => record.u8(0)).toThrow(code('ERR_PERF_OUT_OF_RANGE'));
      },
      none,
      100,
    );
    expect(visited).toBe(2);
    expect(drain(sceneOf(scene.memory))).toEqual([3, 4]);
  });
});

describe('Another reader of the map', () => {
  it('is noticed when it has moved consumer_pos, and reading continues there', () => {
    const scene = sceneOf();
    for (const first of [1, 2, 3, 4]) scene.memory.output(payload(8, first));
    expect(drain(sceneOf(scene.memory))).toEqual([1, 2, 3, 4]);
    scene.memory.output(payload(8, 5));
    expect(drain(scene)).toEqual([5]);
    expect(scene.shared).toBe(1);
    scene.memory.output(payload(8, 6));
    expect(drain(scene)).toEqual([6]);
    expect(scene.shared).toBe(1);
  });

  it('that moves consumer_pos within a batch ends the batch', () => {
    const scene = sceneOf();
    for (const first of [1, 2]) scene.memory.output(payload(8, first));
    scene.ring.beginBatch();
    scene.ring.visit(() => {}, none, 1);
    scene.memory.consumer = scene.memory.producer;
    scene.ring.finishBatch();
    scene.memory.output(payload(8, 3));
    expect(drain(scene)).toEqual([3]);
    expect(scene.shared).toBe(1);
  });
});

describe('What no kernel writes', () => {
  it.each([
    ['a length beyond what is published', (memory: BpfMemoryRing) => memory.setHeader(24n, 4096)],
    ['the longest length', (memory: BpfMemoryRing) => memory.setHeader(24n, 0x3fff_ffff)],
    [
      'a discarded record beyond what is published',
      (memory: BpfMemoryRing) => memory.setHeader(24n, 0x7fff_ffff),
    ],
  ])('%s is a fault, after the records before it', (_name, damage) => {
    const scene = sceneOf();
    for (const first of [1, 2, 3]) scene.memory.output(payload(16, first));
    damage(scene.memory);
    expect(drain(scene)).toEqual([1]);
    expect(scene.faults).toEqual([{ bytes: 48, error: code('ERR_PERF_RING_CORRUPT') }]);
    scene.memory.output(payload(16, 4));
    expect(drain(scene)).toEqual([4]);
  });

  it.each([
    ['producer_pos far ahead', 0n, 8192n],
    ['producer_pos behind', 4096n, 0n],
    ['positions off their boundaries', 4n, 28n],
  ])('%s is a fault', (_name, consumer, producer) => {
    const scene = sceneOf();
    scene.memory.consumer = consumer;
    scene.memory.producer = producer;
    expect(drain(scene)).toEqual([]);
    expect(scene.faults).toMatchObject([{ error: { code: 'ERR_PERF_RING_CORRUPT' } }]);
    expect(scene.memory.consumer).toBe(producer);
  });

  it('a header that changes while it is read is a fault', () => {
    const scene = sceneOf();
    for (const first of [1, 2, 3]) scene.memory.output(payload(15 + first, first));
    const seen: number[] = [];
    scene.ring.beginBatch();
    scene.ring.visit(
      (record) => {
        seen.push(record.u8(0));
        scene.memory.setHeader(24n, 0x2000);
      },
      none,
      100,
    );
    expect([seen, scene.faults.length]).toEqual([[1], 1]);
  });

  it.each([0x2000, 15, 0x8000_0000, 0x4000_0010])(
    'a header of records with equal headers that becomes %i keeps reads within what was acquired',
    (header) => {
      const scene = sceneOf();
      for (const first of [1, 2, 3, 4]) scene.memory.output(payload(16, first));
      let visited = 0;
      scene.ring.beginBatch();
      scene.ring.visit(
        (record) => {
          visited++;
          expect(record.bytes().length).toBeLessThanOrEqual(16);
          for (let position = 0n; position < 96n; position += 24n) scene.memory.setHeader(position, header);
        },
        none,
        2,
      );
      scene.ring.visit(() => void visited++, none, 100);
      scene.ring.finishBatch();
      expect(visited).toBeLessThanOrEqual(4);
      expect(scene.memory.consumer).toBe(scene.memory.producer);
    },
  );

  it('memory that was detached is ERR_PERF_CLOSED', () => {
    const memory = new BpfMemoryRing();
    for (const first of [1, 2, 3]) memory.output(payload(16, first));
    const plain = new ArrayBuffer(memory.memory.byteLength);
    new Uint8Array(plain).set(new Uint8Array(memory.memory));
    const ring = new BpfRing({ ...memory.parts, memory: plain });
    ring.beginBatch();
    expect(() =>
      ring.visit(() => structuredClone(plain, { transfer: [plain] }) && undefined, none, 100),
    ).toThrow(code('ERR_PERF_CLOSED'));
  });

  it('memory that was detached is ERR_PERF_CLOSED for next() and for later scans, too', () => {
    const memory = new BpfMemoryRing();
    for (const first of [1, 2, 3]) memory.output(payload(16, first));
    const plain = new ArrayBuffer(memory.memory.byteLength);
    new Uint8Array(plain).set(new Uint8Array(memory.memory));
    const ring = new BpfRing({ ...memory.parts, memory: plain });
    ring.beginBatch();
    ring.visit(none, none, 1);
    structuredClone(plain, { transfer: [plain] });
    expect(() => ring.next()).toThrow(code('ERR_PERF_CLOSED'));
    expect(() => ring.visit(none, none, 100)).toThrow(code('ERR_PERF_CLOSED'));
  });
});
