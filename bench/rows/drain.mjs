import { BASE } from '../harness/contenders.mjs';
import { drainCell, pairedRatio } from '../harness/drain-cell.mjs';
import { bytes, spread, table } from '../harness/table.mjs';

/**
 * A table of drain cells, one line for each payload and ring size: nanoseconds a record of every contender, and the
 * ratio of each of ours to `base`.
 */
/** @param samples which payloads: `payload` bytes, or, by `sizes`, several sizes from there on (bench/protocol.md) */
export async function drainTable(bench, contenders, { samples, rings, base = BASE, kind }) {
  const rounds = bench.quick ? 7 : 41;
  // 8 MiB of records each: what V8 takes to settle, with its compiler on the same CPU. All warm up alike.
  const warmupRounds = bench.quick ? 12 : 30;
  const cells = [];
  for (const sample of samples) {
    for (const ringBytes of rings) {
      if (ringBytes < 8 * sample.payload) continue;
      bench.progress(`payload ${named(sample)}, ring ${bytes(ringBytes)}`);
      const cell = await drainCell(bench, contenders, { ...sample, ringBytes, kind, rounds, warmupRounds });
      cells.push({ ...sample, ringBytes, contenders: cell });
    }
  }
  const names = contenders.map((contender) => contender.name);
  const ours = names.filter((name) => name !== base && !/libbpf|cilium/.test(name));
  const compared = names.includes(base) ? ours : [];
  const text = table(
    [
      'payload',
      'ring',
      ...names.map((name) => `${name}, ns`),
      ...compared.map((name) => `${name} / ${base}`),
    ],
    cells.map((cell) => [
      named(cell),
      bytes(cell.ringBytes),
      ...cell.contenders.map((one) => spread(one.nanoseconds, 2)),
      ...compared.map((name) => spread(pairedRatio(cell.contenders, name, base), 2)),
    ]),
  );
  const discarded = cells.flatMap((cell) => cell.contenders).reduce((sum, one) => sum + one.discarded, 0);
  const note = `Median (middle half) of ${rounds} rounds after ${warmupRounds} of warm-up. Rounds discarded for a missing record: ${discarded}.`;
  return { text: `${text}\n\n${note}`, data: { rounds, warmupRounds, cells } };
}

function named({ payload, sizes }) {
  if (sizes === 'two') return `${payload} and ${payload + 8} in turn`;
  return sizes === 'mixed' ? `${payload} to ${payload + 127}` : String(payload);
}

/** Samples of one size each. */
export const ofPayloads = (...payloads) => payloads.map((payload) => ({ payload }));

export const drain = {
  title: 'drain: consume a full ring, reading and checking a 64-bit number of every record',
  run(bench) {
    return drainTable(bench, bench.contenders.drain, {
      samples: bench.quick ? ofPayloads(16, 48) : ofPayloads(16, 32, 48, 64),
      rings: (bench.quick ? [64, 512, 4096] : [64, 256, 512, 1024, 4096]).map(
        (kibibytes) => kibibytes * 1024,
      ),
    });
  },
};
