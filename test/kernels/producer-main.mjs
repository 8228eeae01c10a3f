/**
 * A producer on one CPU: `taskset -c CPU node producer-main.mjs MAP_ID`. For each line of stdin, a number, it sends so
 * many samples; then it prints how many it has sent in all.
 */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Producer } from './programs.mjs';

const { PerfEventArray } = createRequire(import.meta.url)('../../dist/bundle/perfring.js');

const producer = new Producer(PerfEventArray.openById(Number(process.argv[2])));
console.log(0);
for await (const line of createInterface({ input: process.stdin })) {
  producer.run(Number(line));
  console.log(producer.sent);
}
