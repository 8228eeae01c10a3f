// Run it in a new process: `node --allow-natives-syntax optimised-loops.cjs DIST SHAPE RING_BYTES`. It drains a ring in
// memory with samples of that SHAPE. Then it prints whether V8 has compiled the whole loop for them, and after how many
// records: {"compiled": true, "records": 12345}.
//
// If V8 has not compiled it after MOST_RECORDS, it keeps using code that it compiled from the middle of the loop, where
// each record takes two to four times as long.
'use strict';

/** The least bytes to drain, because V8 may discard the code that it compiled for the first records. */
const LEAST_BYTES = 128 << 20;
/** Compiling takes 1 to 2 million records, more under load. Loops that failed were not compiled before 10 million. */
const MOST_RECORDS = 6_000_000;
/** TURBOFAN of runtime.h's OptimizationStatus. */
const COMPILED_BY_TURBOFAN = 1 << 6;

const loops = [];
const makeFunction = Function;
const statusOf = new makeFunction('fn', 'return %GetOptimizationStatus(fn)');
globalThis.Function = new Proxy(makeFunction, {
  construct(target, args) {
    const made = Reflect.construct(target, args);
    if (!args.at(-1).includes('function sampleLoopsOf(')) return made;
    return () => {
      const factory = made();
      return (...of) => {
        const pair = factory(...of);
        loops.push(pair);
        return pair;
      };
    };
  },
});

const [dist, shape, ringBytes] = process.argv.slice(2);
const { MemoryRingStorage } = require(dist);

const { ring } = new MemoryRingStorage({ dataPageCount: Number(ringBytes) / 4096 });
const payloads = Array.from({ length: 152 }, (_, length) => new Uint8Array(length));
let random = 1;
const below = (limit) => {
  random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
  return (random >>> 8) % limit;
};
/** The length of the payload at an index, and the loop that visits these samples. */
const { lengthOf, loop } = {
  equal: { lengthOf: () => 48, loop: 'equal' },
  two: { lengthOf: (index) => (index % 2 === 0 ? 48 : 56), loop: 'mixed' },
  mixed: { lengthOf: () => 24 + below(128), loop: 'mixed' },
}[shape];

let records = 0;
const visitor = (record) => {
  if (record.u32(0) === 0) records++;
};

function fillAndDrain() {
  ring.startWriteBatch();
  for (let index = 0; ring.tryWrite(payloads[lengthOf(index)]) >= 0; index++);
  ring.finishWriteBatch();
  ring.startReadBatch();
  ring.visit(visitor);
  ring.finishReadBatch();
}

function isCompiled() {
  // The first pair was made only as a trial.
  const [, pair] = loops;
  return pair !== undefined && (statusOf(pair[loop]) & COMPILED_BY_TURBOFAN) !== 0;
}

do {
  for (let bytes = 0; bytes < LEAST_BYTES; bytes += Number(ringBytes)) fillAndDrain();
} while (!isCompiled() && records < MOST_RECORDS);
console.log(JSON.stringify({ compiled: isCompiled(), records }));
