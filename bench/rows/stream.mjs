import { latencyPercentiles, summary } from '../harness/statistics.mjs';
import { Subject } from '../harness/subject.mjs';
import { fixed, spread, table } from '../harness/table.mjs';

const RING_BYTES = 256 * 1024;
const PAYLOAD = 48;
const RATES = [1_000, 10_000, 100_000, 0];
/** After the producer stopped, before the reader is stopped: longer than any reader holds back. */
const SETTLE_MILLISECONDS = 300;
const WARM_UP_MILLISECONDS = 2000;
/**
 * Where each sample is a wake, a round has to be long: half a second is 500 wakes, most of them run by V8's
 * interpreter, and a reader made anew for the round undoes some of what was compiled for the one before.
 */
const leastRoundMilliseconds = (rate) => (rate === 1_000 ? 4_000 : 0);
const LEAST_RATE = 10_000;
const SEARCH_STEPS = 10;
/** Flat out, one clock reading in so many records, so that the clock is not what is measured. */
const LATENCY_EVERY_FLAT_OUT = 64;

/** One reading of one contender at one rate: the reader on its CPU, the producer on the other. */
async function once(bench, { contender, subject, kind }, rate, milliseconds) {
  const shape = { kind, ringBytes: RING_BYTES, payload: PAYLOAD };
  const { variant, flags = 0 } = contender;
  const { map } = await bench.producer.ask({ do: 'load', ...shape, flags });
  const latencyEvery = rate === 0 ? LATENCY_EVERY_FLAT_OUT : 1;
  await subject.ask({ do: 'stream', ...shape, map, latencyEvery, variant });
  const emitted = await bench.producer.ask({ do: 'emit', rate, milliseconds });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  const read = await subject.ask({ do: 'stop' });
  // What a reader leaves below its watermark at the end is no loss.
  const missing = contender.leavesTail ? read.missing : emitted.emitted - read.records;
  return {
    offered: (emitted.emitted / emitted.elapsedNs) * 1e9,
    delivered: (read.records / emitted.elapsedNs) * 1e9,
    missing,
    missingPercent: (missing / emitted.emitted) * 100,
    missingInSequence: read.missing,
    lostReported: read.lost,
    failures: emitted.failures,
    producerNs: emitted.kernelNs / emitted.emitted,
    producerCallNs: emitted.callNs / emitted.emitted,
    readerCpuPercent: (read.cpuMicroseconds / (emitted.elapsedNs / 1000)) * 100,
    latency: read.latency,
  };
}

async function atRate(bench, contenders, kind, rate) {
  const rounds = bench.quick ? 2 : 7;
  const milliseconds = Math.max(bench.quick ? 1000 : 2000, leastRoundMilliseconds(rate));
  const seats = contenders.map((contender) => ({
    contender,
    kind,
    subject: new Subject({ name: contender.name, command: contender.command, cpu: bench.cpus.reader }),
    results: [],
  }));
  try {
    for (const seat of seats) await once(bench, seat, rate, WARM_UP_MILLISECONDS);
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < seats.length; turn++) {
        const seat = seats[(turn + round) % seats.length];
        bench.progress(`${rateName(rate)}, round ${round + 1}, ${seat.contender.name}`);
        seat.results.push(await once(bench, seat, rate, milliseconds));
      }
    }
    if (rate === 0)
      for (const seat of seats) seat.losslessRate = await losslessRate(bench, seat, milliseconds);
  } finally {
    await Promise.all(seats.map((seat) => seat.subject.end()));
  }
  return seats.map(({ contender, results, losslessRate: lossless = null }) => ({
    name: contender.name,
    rate,
    rounds,
    milliseconds,
    losslessRate: lossless,
    latencyMicroseconds: mergedLatency(results),
    results: results.map(({ latency, ...rest }) => rest),
  }));
}

/**
 * The highest rate that went through whole: flat out if that always did, else by halving (of the logarithm) between a
 * rate all can take and that.
 */
async function losslessRate(bench, seat, milliseconds) {
  const { results } = seat;
  if (results.every((result) => result.missing === 0)) {
    return summary(results.map((result) => result.delivered)).median;
  }
  let best = 0;
  let low = Math.log(LEAST_RATE);
  let high = Math.log(summary(results.map((result) => result.offered)).median);
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const middle = (low + high) / 2;
    const rate = Math.round(Math.exp(middle));
    bench.progress(`without loss: ${fixed(rate)}/s, ${seat.contender.name}`);
    const result = await once(bench, seat, rate, milliseconds);
    if (result.missing === 0) {
      best = Math.max(best, result.delivered);
      low = middle;
    } else {
      high = middle;
    }
  }
  return best;
}

function mergedLatency(results) {
  const counts = new Map();
  for (const { latency } of results) {
    for (const [slot, count] of latency) counts.set(slot, (counts.get(slot) ?? 0) + count);
  }
  const slots = [...counts].sort(([a], [b]) => a - b);
  const [p50, p99, p999] = latencyPercentiles(slots, [50, 99, 99.9]).map((nanoseconds) => nanoseconds / 1000);
  return { p50, p99, p999 };
}

function rateName(rate) {
  return rate === 0 ? 'flat out' : `${fixed(rate)}/s`;
}

function line(entry) {
  const of = (field) => summary(entry.results.map((result) => result[field]));
  const { p50, p99, p999 } = entry.latencyMicroseconds;
  return [
    rateName(entry.rate),
    entry.name,
    fixed(of('delivered').median),
    fixed(of('missingPercent').median, 2),
    entry.losslessRate === null ? '' : fixed(entry.losslessRate),
    spread(of('producerNs'), 0),
    spread(of('readerCpuPercent'), 1),
    [p50, p99, p999].map((microseconds) => fixed(microseconds, 0)).join(' / '),
  ];
}

/**
 * A table of streams, one line for each rate and contender.
 * @param kind of the map, as the producer takes it
 */
export async function streamTable(bench, contenders, kind) {
  if (bench.cpus.reader === bench.cpus.producer) return { text: 'Needs two CPUs.', data: null };
  const entries = [];
  for (const rate of bench.rates ?? RATES) entries.push(...(await atRate(bench, contenders, kind, rate)));
  const head = [
    'offered',
    'reader',
    'delivered/s',
    'lost %',
    'most/s without loss',
    'producer ns',
    'reader CPU %',
    'latency p50 / p99 / p99.9 µs',
  ];
  const note = `Payload ${PAYLOAD}, rings of ${RING_BYTES / 1024} KiB. Producer ns: the kernel's duration of BPF_PROG_TEST_RUN, a sample, wake IPIs included. Median (middle half) of ${entries[0]?.rounds} rounds of ${entries.at(-1)?.milliseconds} ms (at 1,000/s of ${entries[0]?.milliseconds} ms), after one of ${WARM_UP_MILLISECONDS} ms.`;
  return { text: `${table(head, entries.map(line))}\n\n${note}`, data: entries };
}

export const stream = {
  title:
    'end to end: every reader in its default settings, ours also without wakeups and in time order, the others also with a wakeup for each 4 KiB; producer and reader on two CPUs',
  run: (bench) => streamTable(bench, bench.contenders.stream),
};
