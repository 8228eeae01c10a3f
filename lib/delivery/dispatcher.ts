import { PERF_RECORD_LOST } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { wholeNumber } from '../input/check-number';
import { shown } from '../input/shown';
import { throwLater } from '../input/throw-later';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkRecord, recordError } from '../records/record-check';

/** Options of a {@link Dispatcher}. */
export interface DispatcherOptions {
  /** Payload offset of the message type, bytes; 0 by default. */
  readonly typeOffset?: number;
  /** Width of the message type, bytes; 4 by default. */
  readonly typeBytes?: 1 | 2 | 4;
  /**
   * Called with what a subscriber threw. Without it the error is thrown again in a microtask, where it becomes an
   * uncaught exception. No record is lost in either case.
   */
  readonly onError?: (error: unknown) => void;
}

/** Called with a record, which is valid until the subscriber returns. */
export type Subscriber = (record: RingRecord) => void;

/**
 * Sends each record to the subscribers of its kind: samples by a message type in their payload, lost records and other
 * records by their record type. Pass its {@link visitors} to a reader's `drain`.
 */
export class Dispatcher {
  readonly #visitors: { readonly sample: RecordVisitor; readonly other: RecordVisitor };
  readonly #byMessage = new Map<number, Subscriber[]>();
  readonly #byRecord = new Map<number, Subscriber[]>();
  readonly #unknownMessages = new Map<number, number>();
  readonly #unknownRecords = new Map<number, number>();
  readonly #typeOffset: number;
  readonly #typeBytes: 1 | 2 | 4;
  readonly #onError: (error: unknown) => void;
  #tooShort = 0;

  /** @throws PerfRingError ERR_PERF_INVALID_OPTION */
  constructor(options: DispatcherOptions = {}) {
    const {
      typeOffset = 0,
      typeBytes = 4,
      onError = throwLater,
    } = plainOptions(options, ['typeOffset', 'typeBytes', 'onError']);
    if (typeof onError !== 'function') {
      throw new PerfRingError('ERR_PERF_INVALID_OPTION', 'onError must be a function');
    }
    if (![1, 2, 4].includes(typeBytes)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `typeBytes must be 1, 2 or 4, got ${shown(typeBytes)}`,
      );
    }
    this.#typeOffset = wholeNumber(typeOffset, 'typeOffset', 0);
    this.#typeBytes = typeBytes;
    this.#onError = onError;
    this.#visitors = Object.freeze<Dispatcher['visitors']>({
      sample: (record) => this.#dispatchSample(record),
      other: (record) => this.#dispatchOther(record),
    });
  }

  /** For `drain`: samples go to the subscribers of their message type, other records to those of their record type. */
  get visitors(): { readonly sample: RecordVisitor; readonly other: RecordVisitor } {
    return this.#visitors;
  }

  /**
   * Subscribes to samples with this message type in their payload.
   * @param type 0 to 2^32 - 1
   * @returns a function that ends the subscription
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
   */
  onMessage(type: number, subscriber: Subscriber): () => void {
    return subscribe(this.#byMessage, type, subscriber);
  }

  /**
   * Subscribes to PERF_RECORD_LOST: `record.lost` samples of `record.cpu` were not written. Otherwise as
   * {@link onMessage}.
   */
  onLost(subscriber: Subscriber): () => void {
    return subscribe(this.#byRecord, PERF_RECORD_LOST, subscriber);
  }

  /** Subscribes to records of a PERF_RECORD_* type, except samples. Otherwise as {@link onMessage}. */
  onRecord(type: number, subscriber: Subscriber): () => void {
    return subscribe(this.#byRecord, type, subscriber);
  }

  /** Counts of samples whose message type has no subscriber: message type -> count. */
  get unknownMessages(): ReadonlyMap<number, number> {
    return new Map(this.#unknownMessages);
  }

  /** Counts of other records whose type has no subscriber: PERF_RECORD_* -> count. */
  get unknownRecords(): ReadonlyMap<number, number> {
    return new Map(this.#unknownRecords);
  }

  /** Number of samples too short to hold a message type. */
  get tooShort(): number {
    return this.#tooShort;
  }

  #dispatchSample(record: RingRecord): void {
    let type = 0;
    try {
      if (record.size < this.#typeOffset + this.#typeBytes) {
        checkRecord(record, 'a dispatcher');
        this.#tooShort++;
        return;
      }
      type = this.#messageType(record);
    } catch (error) {
      throw recordError(error, 'a dispatcher');
    }
    this.#deliver(this.#byMessage, this.#unknownMessages, type, record);
  }

  #dispatchOther(record: RingRecord): void {
    let type = 0;
    try {
      checkRecord(record, 'a dispatcher');
      type = record.type;
    } catch (error) {
      throw recordError(error, 'a dispatcher');
    }
    this.#deliver(this.#byRecord, this.#unknownRecords, type, record);
  }

  #messageType(record: RingRecord): number {
    if (this.#typeBytes === 4) return record.u32(this.#typeOffset);
    return this.#typeBytes === 2 ? record.u16(this.#typeOffset) : record.u8(this.#typeOffset);
  }

  #deliver(
    subscribers: ReadonlyMap<number, Subscriber[]>,
    unknown: Map<number, number>,
    type: number,
    record: RingRecord,
  ): void {
    const list = subscribers.get(type);
    if (list === undefined) {
      unknown.set(type, (unknown.get(type) ?? 0) + 1);
      return;
    }
    for (const subscriber of list) {
      try {
        subscriber(record);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

function subscribe(table: Map<number, Subscriber[]>, type: number, subscriber: Subscriber): () => void {
  if (!Number.isInteger(type) || type < 0 || type > 0xffff_ffff) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `a type is a u32, got ${shown(type)}`);
  }
  if (typeof subscriber !== 'function') {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'a subscriber must be a function');
  }
  // A new list each time: the old one may be in use by a loop.
  table.set(type, [...(table.get(type) ?? []), subscriber]);
  let subscribed = true;
  return () => {
    if (!subscribed) return;
    subscribed = false;
    const list = [...(table.get(type) ?? [])];
    list.splice(list.indexOf(subscriber), 1);
    if (list.length === 0) table.delete(type);
    else table.set(type, list);
  };
}
