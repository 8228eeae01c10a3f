import { STOP } from '../../../lib/records/record';
import fc from 'fast-check';
import { propertyRuns } from '../../support/property-runs';
import { READING_KINDS } from '../../support/ring-cursor-kinds';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, SAMPLE } from '../../support/ring-records';

const CAPACITY = 2048;

interface Written {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A step of the reader within a batch. */
type ReadStep =
  | { readonly kind: 'pop'; readonly records: number }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number }
  | { readonly kind: 'visit'; readonly limit: number | undefined }
  | { readonly kind: 'stop' | 'throw'; readonly after: number };

type Operation =
  | {
      readonly kind: 'write';
      readonly records: readonly { readonly length: number; readonly type: number }[];
    }
  | { readonly kind: 'startRead' | 'finishRead' | 'resynchronise' }
  | { readonly kind: 'read'; readonly step: ReadStep };

const length = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(4, 12, 12, 12, 52) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 80 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: CAPACITY - 12 }) },
);
const type = fc.oneof({ weight: 8, arbitrary: fc.constant(SAMPLE) }, fc.constantFrom(1, 2, 10, 0xffff_fff9));
const count = fc.integer({ min: 0, max: 30 });
const step: fc.Arbitrary<ReadStep> = fc.oneof(
  fc.record({ kind: fc.constant('pop' as const), records: count }),
  fc.record({ kind: fc.constant('copy' as const), from: fc.nat(100), to: fc.nat(CAPACITY) }),
  fc.record({
    kind: fc.constant('visit' as const),
    limit: fc.option(count, { nil: undefined }),
  }),
  fc.record({ kind: fc.constantFrom('stop' as const, 'throw' as const), after: count }),
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      records: fc.array(fc.record({ length, type }), { maxLength: 40 }),
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom({ kind: 'startRead' as const }, { kind: 'finishRead' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), step }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'resynchronise' as const }) },
);

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** A ring and its model, a list of records. */
class Pair {
  readonly made: RingFixture;
  /** Published and not yet released records. The first `done` of them were popped in the open batch. */
  readonly records: Written[] = [];
  done = 0;
  inBatch: number | undefined;
  #seed = 0;

  constructor(made: RingFixture) {
    this.made = made;
  }

  run(operation: Operation): void {
    const { ring } = this.made;
    if (operation.kind === 'write') this.#write(operation.records);
    else if (operation.kind === 'startRead') this.#startRead();
    else if (operation.kind === 'finishRead') this.finishRead();
    else if (operation.kind === 'read') {
      if (this.inBatch !== undefined) this.#read(operation.step);
    } else {
      const skipped = ring.resynchronise();
      check(skipped === bytesOf(this.records.slice(this.done)), `resynchronise() answered ${skipped}`);
      this.records.length = 0;
      this.done = 0;
      this.inBatch = undefined;
    }
    const unread = this.inBatch === undefined ? undefined : bytesOf(this.#unread());
    if (unread !== undefined) check(ring.bytesRemaining() === unread, `bytesRemaining() is not ${unread}`);
    check(ring.availableBytes() === bytesOf(this.records), 'availableBytes() is not the bytes of the model');
  }

  #write(records: readonly { readonly length: number; readonly type: number }[]): void {
    const { ring, head } = this.made;
    ring.startWriteBatch();
    let room = CAPACITY - bytesOf(this.records);
    let at = Number(head % BigInt(CAPACITY));
    for (const { length, type } of records) {
      const written: Written = { type, payload: payloadOf(length, this.#seed++) };
      const fits = framed(written) <= room;
      check(ring.hasRoomFor(length, type) === fits, `hasRoomFor(${length}, ${type}) is not ${fits}`);
      const offset = ring.tryWrite(written.payload, type);
      const start = (at + (type === SAMPLE ? 12 : 8)) % CAPACITY;
      check(
        offset === (fits ? start : -1),
        `a record of ${length} bytes was written at ${offset}, not ${start}`,
      );
      if (!fits) continue;
      room -= framed(written);
      at = (at + framed(written)) % CAPACITY;
      this.records.push(written);
    }
    check(this.made.head === head, 'a batch that is open published');
    ring.finishWriteBatch();
  }

  #startRead(): void {
    if (this.inBatch !== undefined) return;
    check(this.made.ring.startReadBatch() === bytesOf(this.records), 'the batch is not what was published');
    this.inBatch = this.records.length;
  }

  finishRead(): void {
    if (this.inBatch === undefined) return;
    this.made.ring.finishReadBatch();
    this.records.splice(0, this.done);
    this.done = 0;
    this.inBatch = undefined;
    check(
      this.made.head - this.made.tail === BigInt(bytesOf(this.records)),
      'data_tail is not behind what was read',
    );
  }

  #unread(): Written[] {
    return this.records.slice(this.done, this.inBatch);
  }

  #read(step: ReadStep): void {
    const { ring } = this.made;
    const unread = this.#unread();
    if (step.kind === 'pop') {
      for (const expected of unread.slice(0, step.records)) {
        check(ring.peekType() === expected.type, 'peekType()');
        check(ring.peekSize() === paddedLength(expected), 'peekSize()');
        ring.pop();
        this.done++;
      }
    } else if (step.kind === 'copy') {
      const [first] = unread;
      if (first === undefined) return void check(ring.peek() === null, 'peek() at the end');
      const from = Math.min(step.from, first.payload.length);
      const to = Math.max(from, Math.min(step.to, first.payload.length));
      const target = new Uint8Array(to - from);
      check(ring.peekCopy(target, from) === to - from, 'peekCopy() answered another length');
      check(Buffer.compare(target, first.payload.subarray(from, to)) === 0, 'peekCopy() copied other bytes');
    } else {
      this.#visit(step, unread);
    }
  }

  #visit(step: Exclude<ReadStep, { kind: 'pop' | 'copy' }>, unread: readonly Written[]): void {
    const limit = step.kind === 'visit' ? step.limit : step.after + 1;
    const expected = Math.min(limit ?? unread.length, unread.length);
    const halts = step.kind !== 'visit' && step.after < unread.length;
    let seen = 0;
    let visited: number | undefined;
    let thrown: unknown;
    try {
      visited = ring(this.made).visit(
        (record) => {
          const { type, payload } = unread[seen] as Written;
          check(record.type === type, 'the record has another type');
          check(record.size === paddedLength({ type, payload }), 'the record has another size');
          const bytes = record.bytes();
          check(
            Buffer.compare(bytes.subarray(0, payload.length), payload) === 0,
            'the record has other bytes',
          );
          check(
            bytes.subarray(payload.length).every((byte) => byte === 0),
            'the padding is not zero',
          );
          seen++;
          if (halts && seen === expected) {
            if (step.kind === 'throw') throw HALT;
            return STOP;
          }
          return undefined;
        },
        step.kind === 'visit' && limit !== undefined ? { limit } : {},
      );
    } catch (error) {
      if (error !== HALT) throw error;
      thrown = error;
    }
    check(seen === expected, `visited ${seen} of ${expected}`);
    check((thrown === HALT) === (halts && step.kind === 'throw'), 'the throw of the visitor');
    check(thrown === HALT || visited === expected, `visit() answered ${visited}, not ${expected}`);
    this.done += expected;
  }
}

const HALT = new Error('halt');
const ring = (made: RingFixture) => made.ring;
const framed = ({ type, payload }: Written): number =>
  Math.ceil(((type === SAMPLE ? 12 : 8) + payload.length) / 8) * 8;
const paddedLength = (written: Written): number => framed(written) - (written.type === SAMPLE ? 12 : 8);
const bytesOf = (records: readonly Written[]): number => records.reduce((sum, one) => sum + framed(one), 0);

describe.each(READING_KINDS)(
  'a ring of one small page, with %s and the loop for %s samples,',
  (_, loop, cursors) => {
    it('does what a list of records does, through any sequence of batches', () => {
      const property = fc.property(
        fc.nat(CAPACITY / 8).map((words) => words * 8),
        fc.array(operation, { maxLength: 60, size: 'max' }),
        (position, operations) => {
          const pair = new Pair(new RingFixture({ cursors, loop, position, fill: 0xee }));
          for (const each of operations) pair.run(each);
          pair.finishRead();
          // In each case the rest can be read to its end.
          pair.run({ kind: 'startRead' });
          pair.run({ kind: 'read', step: { kind: 'visit', limit: undefined } });
          pair.finishRead();
          check(pair.records.length === 0, 'something is left');
        },
      );
      fc.assert(property, propertyRuns(1500));
    });
  },
);
