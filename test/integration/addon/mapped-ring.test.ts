import { constants } from 'node:os';
import { PERF_RECORD_SAMPLE } from '../../../lib/abi/perf-event';
import { BAD_ARGUMENT, type MappedRingHandle } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { expectNothingLeft, takeLedger } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { positionsOf } from '../../support/ring-positions';
import { opened, openOutputEvent, RingFixture } from './kernel-fixture';

const { EINVAL, ENOMEM } = constants.errno;
const native = addon();
const pageSize = native.pageSize();
const PAYLOAD_BYTES = 40;

/** Ways to move the memory of an ArrayBuffer to another one. @returns a view of that one */
const TAKEN: [string, (buffer: ArrayBuffer) => Promise<Uint8Array>][] = [
  [
    'a byte stream that enqueues a view',
    async (buffer) => {
      const start = (controller: { enqueue(view: Uint8Array): void }): void =>
        controller.enqueue(new Uint8Array(buffer));
      const { value } = await new ReadableStream({ type: 'bytes', start }).getReader().read();
      return value as Uint8Array;
    },
  ],
  // Missing in Node 20. The runs on Node 22 and 24 test it.
  ...('transfer' in ArrayBuffer.prototype
    ? [
        [
          'transfer()',
          async (buffer) => new Uint8Array(Reflect.apply(Reflect.get(buffer, 'transfer'), buffer, [])),
        ] as (typeof TAKEN)[number],
      ]
    : []),
];

function bufferOf(ring: MappedRingHandle): ArrayBuffer {
  const buffer = native.ringBuffer(ring);
  if (typeof buffer === 'number') throw new Error(`ringBuffer answered ${buffer}`);
  return buffer;
}

/** Counts the records in `bytes`, none of which wraps, and checks that each is whole and has the fixture's payload. */
function countRecords(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    expect(view.getUint32(at, true)).toBe(PERF_RECORD_SAMPLE);
    const payload = bytes.subarray(at + 12, at + 12 + PAYLOAD_BYTES);
    expect(payload.every((byte) => byte === 0xa5)).toBe(true);
    at += view.getUint16(at + 6, true);
  }
  return count;
}

describeWith(READER_CAPABILITIES, 'mapped rings', () => {
  describe('ringMap', () => {
    it.each([0, 3, -1, 0.5, 2 ** 32, Number.NaN])('refuses a page count of %p', (dataPageCount) => {
      const event = openOutputEvent();
      expect(native.ringMap(event, dataPageCount, true)).toBe(BAD_ARGUMENT);
      native.perfEventClose(event);
    });

    it('returns the errno of a size that the kernel refuses', () => {
      const event = openOutputEvent();
      expect([-ENOMEM, -EINVAL]).toContain(native.ringMap(event, 2 ** 30, true));
      native.perfEventClose(event);
    });

    it('keeps the mapping when the event is closed', () => {
      const fixture = new RingFixture();
      fixture.source.write(1);
      native.perfEventClose(fixture.event);
      expect(fixture.positions.available()).toBe(fixture.source.recordBytes);
      fixture.close();
    });
  });

  describe('ringBuffer', () => {
    it('is one ArrayBuffer over the metadata page and the data', () => {
      const fixture = new RingFixture({ dataPageCount: 4 });
      const buffer = bufferOf(fixture.ring);
      expect(buffer.byteLength).toBe(fixture.mappingBytes);
      expect(native.ringBuffer(fixture.ring)).toBe(buffer);
      fixture.close();
    });

    it('shows what a program writes', () => {
      const fixture = new RingFixture({ payloadBytes: PAYLOAD_BYTES });
      const bytes = new Uint8Array(bufferOf(fixture.ring));
      fixture.source.write(5);
      const available = fixture.positions.available();
      expect(countRecords(bytes.subarray(pageSize, pageSize + available))).toBe(5);
      fixture.close();
    });
  });

  describe('the cursor', () => {
    it('counts published bytes, and releases them', () => {
      const fixture = new RingFixture();
      const { ring, positions, source } = fixture;
      expect(positions.available()).toBe(0);
      source.write(3);
      expect(positions.available()).toBe(3 * source.recordBytes);
      expect(positions.consume(source.recordBytes)).toBe(true);
      expect(positions.readOffset()).toBe(source.recordBytes);
      expect(positions.available()).toBe(2 * source.recordBytes);
      expect(native.ringSkipToHead(ring)).toBe(2 * source.recordBytes);
      expect(positions.available()).toBe(0);
      fixture.close();
    });

    it('releases no more than is published', () => {
      const fixture = new RingFixture();
      const { positions, source } = fixture;
      source.write(1);
      for (const bytes of [source.recordBytes + 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
        expect(positions.consume(bytes)).toBe(false);
      }
      expect(positions.available()).toBe(source.recordBytes);
      fixture.close();
    });

    it('makes room for the kernel', () => {
      const fixture = new RingFixture();
      const { positions, source, capacityBytes } = fixture;
      const rounds = 10;
      const perRound = Math.floor(capacityBytes / source.recordBytes / 2);
      for (let round = 0; round < rounds; round++) {
        source.write(perRound);
        expect(positions.consume(perRound * source.recordBytes)).toBe(true);
      }
      source.write(1);
      expect(positions.available()).toBe(source.recordBytes);
      expect(positions.readOffset()).toBe((rounds * perRound * source.recordBytes) % capacityBytes);
      fixture.close();
    });
  });

  describe('ringCopyPublished', () => {
    it('copies published bytes to the same offsets, wrapped or not', () => {
      const fixture = new RingFixture({ payloadBytes: PAYLOAD_BYTES });
      const { ring, positions, source, capacityBytes } = fixture;
      const perRound = Math.floor(capacityBytes / source.recordBytes) - 1;
      for (let round = 0; round < 3; round++) {
        source.write(perRound);
        const target = new Uint8Array(fixture.mappingBytes);
        const available = native.ringCopyPublished(ring, target);
        expect(available).toBe(perRound * source.recordBytes);
        const data = target.subarray(pageSize);
        const begin = positions.readOffset();
        const linear = new Uint8Array(available).map((_, at) => data[(begin + at) % capacityBytes] ?? 0);
        expect(countRecords(linear)).toBe(perRound);
        positions.consume(available);
      }
      fixture.close();
    });

    it('writes only published bytes', () => {
      const fixture = new RingFixture();
      fixture.source.write(1);
      const target = new Uint8Array(fixture.mappingBytes).fill(0xee);
      const copied = native.ringCopyPublished(fixture.ring, target);
      expect(target.subarray(0, pageSize).every((byte) => byte === 0xee)).toBe(true);
      expect(target.subarray(pageSize + copied).every((byte) => byte === 0xee)).toBe(true);
      fixture.close();
    });

    it('refuses a target that is too short, and the ring itself', () => {
      const fixture = new RingFixture();
      fixture.source.write(1);
      const { ring, mappingBytes } = fixture;
      expect(native.ringCopyPublished(ring, new Uint8Array(mappingBytes - 1))).toBe(BAD_ARGUMENT);
      expect(native.ringCopyPublished(ring, new Uint8Array(bufferOf(ring)))).toBe(BAD_ARGUMENT);
      fixture.close();
    });
  });

  describe('ringSnapshot', () => {
    const position = new BigUint64Array(1);

    it('copies the newest records first, and as many as fit', () => {
      const fixture = new RingFixture({ payloadBytes: PAYLOAD_BYTES, overwrite: true });
      const { ring, source, capacityBytes } = fixture;
      source.write(2 * Math.ceil(capacityBytes / source.recordBytes));
      const target = new Uint8Array(capacityBytes);
      expect(native.ringSnapshot(ring, target, position)).toBe(0);
      const whole = Math.floor(capacityBytes / source.recordBytes);
      expect(countRecords(target.subarray(0, whole * source.recordBytes))).toBe(whole);
      fixture.close();
    });

    it('ends with zeros when less has been written', () => {
      const fixture = new RingFixture({ payloadBytes: PAYLOAD_BYTES, overwrite: true });
      fixture.source.write(3);
      const target = new Uint8Array(fixture.capacityBytes).fill(1);
      expect(native.ringSnapshot(fixture.ring, target, position)).toBe(0);
      expect(BigInt.asUintN(64, -(position[0] as bigint))).toBe(BigInt(3 * fixture.source.recordBytes));
      const written = 3 * fixture.source.recordBytes;
      expect(countRecords(target.subarray(0, written))).toBe(3);
      expect(target.subarray(written).every((byte) => byte === 0)).toBe(true);
      fixture.close();
    });

    it('needs overwrite mode, and a target as long as the data', () => {
      const overwrite = new RingFixture({ overwrite: true });
      const ordinary = new RingFixture();
      const { capacityBytes } = overwrite;
      expect(native.ringSnapshot(ordinary.ring, new Uint8Array(capacityBytes), position)).toBe(BAD_ARGUMENT);
      expect(native.ringSnapshot(overwrite.ring, new Uint8Array(capacityBytes - 1), position)).toBe(
        BAD_ARGUMENT,
      );
      const ownData = new Uint8Array(bufferOf(overwrite.ring), pageSize);
      expect(native.ringSnapshot(overwrite.ring, ownData, position)).toBe(BAD_ARGUMENT);
      const ownWord = new BigUint64Array(bufferOf(overwrite.ring), 0, 1);
      for (const words of [new BigUint64Array(0), new BigUint64Array(2), ownWord]) {
        expect(native.ringSnapshot(overwrite.ring, new Uint8Array(capacityBytes), words)).toBe(BAD_ARGUMENT);
      }
      overwrite.close();
      ordinary.close();
    });
  });

  it('in overwrite mode release nothing, because the metadata page is read-only', () => {
    const fixture = new RingFixture({ overwrite: true });
    fixture.source.write(1);
    expect(fixture.positions.consume(8)).toBe(false);
    expect(native.ringSkipToHead(fixture.ring)).toBe(BAD_ARGUMENT);
    fixture.close();
  });

  it('are refused by the cursor functions, whose stores would hit read-only pages', () => {
    const fixture = new RingFixture();
    const views = [0, pageSize - 2048, pageSize].map(
      (at) => new Uint8Array(bufferOf(fixture.ring), at, 2048),
    );
    for (const view of views) {
      expect(native.cursorPublish(view, 8)).toBe(BAD_ARGUMENT);
      expect(native.cursorSkipToHead(view)).toBe(BAD_ARGUMENT);
    }
    fixture.close();
  });

  describe('ringClose', () => {
    it('detaches the buffer and leaves every view empty, and is idempotent', () => {
      const fixture = new RingFixture();
      const buffer = bufferOf(fixture.ring);
      const bytes = new Uint8Array(buffer);
      const view = new DataView(buffer);
      expect(native.ringClose(fixture.ring)).toBe(0);
      expect(native.ringClose(fixture.ring)).toBe(0);
      expect(buffer.byteLength).toBe(0);
      expect(bytes).toHaveLength(0);
      expect(() => view.getUint8(0)).toThrow(TypeError);
      fixture.close();
    });

    it('leaves a ring that is a bad argument', () => {
      const fixture = new RingFixture();
      const { ring, mappingBytes } = fixture;
      native.ringClose(ring);
      expect(native.ringBuffer(ring)).toBe(BAD_ARGUMENT);
      expect(native.ringGroup([ring], positionsOf(1))).toBe(BAD_ARGUMENT);
      expect(native.ringSkipToHead(ring)).toBe(BAD_ARGUMENT);
      expect(native.ringCopyPublished(ring, new Uint8Array(mappingBytes))).toBe(BAD_ARGUMENT);
      expect(native.ringSnapshot(ring, new Uint8Array(mappingBytes - pageSize), new BigUint64Array(1))).toBe(
        BAD_ARGUMENT,
      );
      fixture.close();
    });

    it.each<[string, (ring: MappedRingHandle) => Uint8Array | undefined]>([
      ['a ring that was never made a buffer', () => undefined],
      ['a ring with a buffer and a view of it', (ring) => new Uint8Array(bufferOf(ring))],
    ])('gives the memory of %s back to the kernel at once', (_, use) => {
      const fixture = new RingFixture();
      const before = takeLedger();
      const view = use(fixture.ring);
      native.ringClose(fixture.ring);
      const after = takeLedger();
      expect(after.handles.mappings).toBe(before.handles.mappings - 1);
      expect(after.ringMappings).toBe(before.ringMappings - 1);
      expect(view?.length ?? 0).toBe(0);
      fixture.close();
    });

    it('while compiled code reads a view, makes the view empty', () => {
      // Reads only the data pages, which do not change.
      const sum = (view: Uint8Array, close: () => void): number => {
        let total = 0;
        for (let at = pageSize; at < pageSize + 64; at++) {
          if (at === pageSize + 32) close();
          total += view[at] ?? 1000;
        }
        return total;
      };
      for (let round = 0; round < 20; round++) {
        const fixture = new RingFixture();
        const view = new Uint8Array(bufferOf(fixture.ring));
        for (let run = 0; run < 5000; run++)
          if (sum(view, () => undefined) !== 0) throw new Error('the ring is empty');
        expect(sum(view, () => native.ringClose(fixture.ring))).toBe(32_000);
        fixture.close();
      }
    });

    it.each(TAKEN)(
      'leaves mapped what was detached by %s before, until that is collected',
      async (_, take) => {
        const fixture = new RingFixture({ payloadBytes: PAYLOAD_BYTES });
        const buffer = bufferOf(fixture.ring);
        fixture.source.write(1);
        const before = native.openHandles().mappings;
        let taken: Uint8Array | undefined = await take(buffer);
        expect(buffer.byteLength).toBe(0);
        native.ringClose(fixture.ring);
        expect(native.openHandles().mappings).toBe(before);
        expect(taken).toHaveLength(fixture.mappingBytes);
        expect(countRecords(taken.subarray(pageSize, pageSize + fixture.source.recordBytes))).toBe(1);
        taken = undefined;
        fixture.close();
      },
    );
  });

  it('are unmapped by the garbage collector when they were not closed', () => {
    (() => {
      const event = openOutputEvent();
      bufferOf(opened(native.ringMap(event, 8, true)));
    })();
    expect(native.openHandles().mappings).toBeGreaterThan(0);
  });

  afterAll(expectNothingLeft);
});
