/** The q-quantile (0 to 1) of numbers, interpolated between the two nearest. */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  return below + (above - below) * (at - Math.floor(at));
}

/** The figures of a table cell: the median and the quartiles of the rounds. */
export function summary(numbers) {
  return {
    median: quantile(numbers, 0.5),
    lowerQuartile: quantile(numbers, 0.25),
    upperQuartile: quantile(numbers, 0.75),
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    rounds: numbers.length,
  };
}

/**
 * Percentiles of a latency histogram as the readers count it: 64 slots an octave, slot v for v below 64, then
 * (shift + 1) * 64 + the six bits after the leading one. Answers nanoseconds, the middle of the slot.
 * @param {[slot: number, count: number][]} slots
 */
export function latencyPercentiles(slots, percents) {
  const total = slots.reduce((sum, [, count]) => sum + count, 0);
  return percents.map((percent) => {
    let left = Math.ceil((total * percent) / 100);
    for (const [slot, count] of slots) {
      left -= count;
      if (left <= 0) return slotMiddle(slot);
    }
    return Number.NaN;
  });
}

function slotMiddle(slot) {
  if (slot < 64) return slot;
  const width = 2 ** (Math.floor(slot / 64) - 1);
  return (64 + (slot % 64)) * width + width / 2;
}
