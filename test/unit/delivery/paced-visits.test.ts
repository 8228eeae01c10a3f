import { PacedVisits } from '../../../lib/delivery/paced-visits';
import type { RecordSource } from '../../../lib/records/record-source';

const RECORD_BYTES = 24;
const UNBOUNDED = { records: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };
const ignore = (): void => undefined;

/** A batch of rings that never become empty. Time passes only with records. */
class Scene {
  /** The number of records of each chunk that the last visit requested. */
  asked: number[] = [];
  microsecondsARecord = 0.01;
  #left = 0;
  #milliseconds = 0;
  readonly #source = {
    stopped: false,
    consumedBytes: 0,
    visit: (_sample: unknown, _other: unknown, limit: number) => {
      this.asked.push(limit);
      const visited = Math.min(limit, this.#left);
      this.#left -= visited;
      this.#source.consumedBytes += visited * RECORD_BYTES;
      this.#milliseconds += (visited * this.microsecondsARecord) / 1000;
      return visited;
    },
  };
  readonly #visits = new PacedVisits(this.#source as unknown as RecordSource, () => this.#milliseconds);

  visit(published: number, limits: { records?: number; bytes?: number; microseconds: number }): number {
    this.asked = [];
    this.#left = published;
    return this.#visits.visit(ignore, ignore, { ...UNBOUNDED, ...limits }, published * RECORD_BYTES);
  }
}

describe('PacedVisits', () => {
  const endless = { microseconds: Number.MAX_SAFE_INTEGER };

  it('visit everything without limits', () => {
    const s = new Scene();
    expect(s.visit(2000, endless)).toBe(2000);
    expect(s.visit(0, endless)).toBe(0);
  });

  it('visit exactly the number of records in the limit', () => {
    const s = new Scene();
    for (const records of [1, 255, 256, 257, 1999]) {
      expect(s.visit(2000, { records, ...endless })).toBe(records);
      expect(s.visit(2000, { records, microseconds: 1000 })).toBe(records);
    }
  });

  it('end at about the number of bytes in the limit, checked after each chunk', () => {
    const s = new Scene();
    expect(s.visit(2000, { bytes: 1, ...endless })).toBe(256);
    expect(s.visit(2000, { bytes: RECORD_BYTES * 300, ...endless })).toBe(300);
    expect(s.visit(2000, { bytes: RECORD_BYTES * 2000, ...endless })).toBe(2000);
    expect(s.visit(2000, { bytes: 1, microseconds: 1000 })).toBe(256);
  });

  it('visit at least one chunk, however short the time, and no second one after it', () => {
    const s = new Scene();
    s.microsecondsARecord = 10;
    expect(s.visit(2000, { microseconds: 1 })).toBe(256);
  });

  it('end in time, whatever the cost of a record', () => {
    for (const microseconds of [0.003, 0.1, 1, 3]) {
      const s = new Scene();
      s.microsecondsARecord = microseconds;
      const visited = s.visit(1_000_000, { microseconds: 1000 });
      expect(visited * microseconds).toBeGreaterThan(990);
      expect(visited * microseconds).toBeLessThanOrEqual(1000 + microseconds);
    }
  });

  it('begin with the cost measured last time, so that a visitor that is 64 times slower still ends in time', () => {
    const s = new Scene();
    s.visit(5000, { microseconds: 1000 });
    expect(s.asked[0]).toBe(256);
    s.microsecondsARecord *= 64;
    s.visit(5000, { microseconds: 1000 });
    expect(s.asked[0]).toBe(1562);
    // By now the time for a record is known.
    s.visit(5000, { microseconds: 1000 });
    expect(s.asked[0]).toBe(256);
  });

  it('never begin with more than a chunk', () => {
    const s = new Scene();
    s.microsecondsARecord = 0.0001;
    s.visit(100_000, { microseconds: 1_000_000 });
    s.visit(100_000, { microseconds: 1_000_000 });
    expect(Math.max(...s.asked)).toBe(16_384);
    expect(s.asked[0]).toBe(16_384);
  });
});
