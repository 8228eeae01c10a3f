// Prints thread switches of this machine for one second: which thread left which CPU.
import { attachBuiltin, decoderFor, PerfEventArray, PerfMapReader } from 'perfring';

async function main(): Promise<void> {
  const array = PerfEventArray.create();
  const reader = PerfMapReader.open(array);
  const program = attachBuiltin('sched_switch', array);
  const decode = decoderFor(program.builtin.layout);
  setTimeout(() => {
    program.close();
    reader.close({ drain: true });
  }, 1000);

  let shown = 0;
  for await (const batch of reader) {
    batch.forEach((record) => {
      if (shown++ < 5) console.log(record.cpu, decode(record));
    });
  }
  const { received, lost } = reader.stats().total;
  console.log(`${received} samples received, ${lost} lost`);
  array.close();
}

main();
