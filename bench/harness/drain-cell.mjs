import { setTimeout } from 'node:timers/promises';
import { summary } from './statistics.mjs';
import { Subject } from './subject.mjs';

/** Each timed answer is over at least so many bytes of records, in as many fills of the ring as that takes. */
const BYTES_A_ROUND = 8 << 20;

/**
 * Calls of each reader in JavaScript before the first round: what belongs to a call and not to a record is compiled by
 * V8 after some thousand calls. C and Go are compiled before they start.
 */
const WARM_UP_CALLS = 4000;
/** More calls, on full rings, for what happens once a lap or a loss; no more than so many bytes of records. */
const WARM_UP_CALLS_FULL = 2000;
const WARM_UP_BYTES_FULL = 512 << 20;
/** In between: a reader that waits looks about itself when nothing comes, some things once a second. */
const WARM_UP_IDLE_MILLISECONDS = 1500;

/** The `kind` of a cell whose map is a ring buffer map. */
export const RING_BUFFER = 'ring buffer';

/** What a sample of that payload takes in the ring: header, raw_size (in perf rings), payload, to 8 bytes. */
export function recordBytes(payload, kind) {
  return 8 + Math.ceil((payload + (kind === RING_BUFFER ? 0 : 4)) / 8) * 8;
}

/** How many such samples surely fit into a ring, however long each is. */
function recordsThatFit({ ringBytes, payload, sizes, kind }) {
  const room = ringBytes - 1; // the kernel never fills the last byte
  const of = (bytes) => recordBytes(bytes, kind);
  if (sizes === 'two') return Math.floor((2 * room) / (of(payload) + of(payload + 8)));
  // Of 128 sizes at random; so many have their mean length to 2 %.
  if (sizes === 'mixed') return Math.floor((0.95 * room) / (of(payload + 64) + 4));
  return Math.floor(room / of(payload));
}

/**
 * One cell of a drain table: the contenders take turns, round by round, each round beginning with the next of them.
 * Each has a process, a map and an open ring of its own for the whole cell, and in JavaScript it is called first. A
 * turn fills and drains the ring once unmeasured, for what the others' turns took from the caches, and then measures.
 * @returns {Promise<{ name: string, nanoseconds: object | null, perRound: number[], discarded: number }[]>}
 *   nanoseconds a record. A turn that missed or lost a record measured something else: it is discarded and counted.
 */
export async function drainCell(bench, contenders, cell) {
  const { payload, sizes = 'one', ringBytes, kind, rounds, warmupRounds } = cell;
  const records = recordsThatFit({ ringBytes, payload, sizes, kind });
  const cycles = Math.ceil(BYTES_A_ROUND / ringBytes);
  const seats = [];
  const attempt = async (seat, what) => {
    if (seat.failed) return;
    try {
      await what(seat);
    } catch (error) {
      seat.failed = true;
      bench.fault(error);
    }
  };
  try {
    for (const contender of contenders) {
      const seat = takeSeat(bench, contender);
      seats.push(seat);
      await attempt(seat, () => openRing(bench, seat, { payload, sizes, ringBytes, kind }));
    }
    await warmUp(
      seats.filter(({ contender }) => contender.compilesAsItRuns),
      attempt,
      { payload, ringBytes, records, kind },
    );
    for (let round = -warmupRounds; round < rounds; round++) {
      for (let turn = 0; turn < seats.length; turn++) {
        await attempt(seats[(turn + round + warmupRounds) % seats.length], async (seat) => {
          const nanoseconds = await takeTurn(seat, records, cycles);
          if (round >= 0) seat.perRound.push(nanoseconds);
        });
      }
    }
    for (const seat of seats) await attempt(seat, ({ reader }) => reader.ask({ do: 'close' }));
  } finally {
    await Promise.all(seats.flatMap(({ reader, source }) => [reader.end(), source.end()]));
  }
  return seats.map(({ contender, perRound }) => {
    const whole = perRound.filter(Number.isFinite);
    return {
      name: contender.name,
      nanoseconds: whole.length === 0 ? null : summary(whole),
      perRound,
      discarded: perRound.length - whole.length,
    };
  });
}

function takeSeat(bench, contender) {
  const { name, command } = contender;
  return {
    contender,
    reader: new Subject({ name, command, cpu: bench.cpus.reader }),
    source: new Subject({
      name: `producer for ${name}`,
      command: [bench.built.producer],
      cpu: bench.cpus.producer,
    }),
    perRound: [],
    failed: false,
  };
}

async function openRing(bench, { contender, reader, source }, { payload, sizes, ringBytes, kind }) {
  const loaded = await source.ask({ do: 'load', payload, sizes, kind, ringBytes });
  const { variant } = contender;
  await reader.ask({ do: 'open', ...loaded, cpu: bench.cpus.reader, ringBytes, payload, variant, kind });
}

/**
 * Full rings first, then nothing to read for a while, then calls that find as much as the reader that waits is woken
 * for: so V8 has seen what is rare before it compiles, and does not throw its code away over it in the middle of a
 * round.
 */
async function warmUp(seats, attempt, { payload, ringBytes, records, kind }) {
  const drain = (records, cycles) => (seat) => seat.reader.ask({ do: 'drain', records, cycles });
  const cycles = Math.min(WARM_UP_CALLS_FULL, WARM_UP_BYTES_FULL / ringBytes);
  for (const seat of seats) await attempt(seat, drain(records + (seat.contender.overfill ?? 0), cycles));
  await setTimeout(WARM_UP_IDLE_MILLISECONDS);
  const few = Math.ceil(ringBytes / 64 / recordBytes(payload, kind)) + 1;
  for (const seat of seats) await attempt(seat, drain(few, WARM_UP_CALLS));
}

/** Nanoseconds a record, or NaN when not every record came. */
async function takeTurn({ reader, contender }, records, cycles) {
  const { overfill = 0 } = contender;
  await reader.ask({ do: 'drain', records: records + overfill, cycles: 1 });
  const measured = await reader.ask({ do: 'drain', records: records + overfill, cycles });
  const whole =
    overfill === 0 ? everyRecord(measured, records, cycles) : allThatFit(measured, records, cycles);
  return whole ? measured.ns / measured.records : Number.NaN;
}

function everyRecord(measured, records, cycles) {
  return measured.records === records * cycles && measured.gaps === 0 && measured.lost === 0;
}

/** Overfilled, each fill begins with the PERF_RECORD_LOST of the one before, and a gap, and takes a record less. */
function allThatFit(measured, records, cycles) {
  return measured.records >= (records - 1) * cycles && measured.gaps === cycles;
}

/** Ratio of two contenders, round by round: what disturbed a round disturbed both. */
export function pairedRatio(cell, name, base) {
  const ours = cell.find((one) => one.name === name);
  const theirs = cell.find((one) => one.name === base);
  if (ours === undefined || theirs === undefined) return null;
  const ratios = ours.perRound.map((value, round) => value / theirs.perRound[round]).filter(Number.isFinite);
  return ratios.length === 0 ? null : summary(ratios);
}
