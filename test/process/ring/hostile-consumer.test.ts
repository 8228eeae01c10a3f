import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferScene } from '../../support/ring-buffer-scene';
import { caughtWarnings } from '../../support/warnings';

/** How long the other process stores rubbish. */
const MILLISECONDS = 1500;

afterAll(expectNothingLeft);

describeWith(
  ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'],
  'A process that stores rubbish into consumer_pos',
  () => {
    const warnings = caughtWarnings();
    let built = '';

    beforeAll(() => {
      built = mkdtempSync(join(tmpdir(), 'perfring-ring-'));
      const source = join(__dirname, '../../support/consumer-scribbler.cc');
      execFileSync('g++', ['-std=c++20', '-O1', '-o', join(built, 'scribbler'), source]);
    });
    afterAll(() => rmSync(built, { recursive: true }));

    it.each([
      ['drain()', 'manual'],
      ['batches', 'moderated'],
    ] as const)(
      'makes %s read nothing outside the ring, and deliver all records again when it is gone',
      async (_how, wakeup) => {
        using s = new RingBufferScene({}, { wakeup });
        let outside = 0;
        const check = (record: { size: number; bytes(): Uint8Array }): void => {
          if (record.bytes().length !== record.size || record.size > 256 * 1024) outside++;
        };
        const reading = (async () => {
          if (wakeup === 'manual') return;
          for await (const batch of s.reader) batch.forEach(check);
        })();
        const scribbler = spawn(join(built, 'scribbler'), [String(MILLISECONDS)], {
          stdio: ['ignore', 'pipe', 'inherit', s.map.fd],
        });
        let stores = '';
        scribbler.stdout?.setEncoding('utf8').on('data', (text: string) => {
          stores += text;
        });
        let code: number | null | undefined;
        scribbler.once('close', (exitCode) => {
          code = exitCode;
        });
        while (code === undefined) {
          s.producer.emit(50);
          if (wakeup === 'manual') s.reader.drain(check);
          await nextTurn();
        }
        expect([code, outside, Number(stores) > 100]).toEqual([0, 0, true]);
        const { shared, lost } = s.reader.stats();
        expect([shared > 0, lost]).toEqual([true, undefined]);
        expect(warnings).toEqual([expect.stringContaining('another reader takes records')]);

        if (wakeup === 'manual') {
          s.reader.drain(check);
          s.reader.drain(check);
          const { emitted } = s.producer.counts;
          s.producer.emit(10);
          s.reader.drain(s.check);
          expect(s.numbers).toEqual(Array.from({ length: 10 }, (_, i) => emitted + i));
        } else {
          // The look every 100 ms finds a position that the kernel can't write behind.
          await s.reader.flush();
          const before = s.reader.stats().received;
          s.producer.emit(10);
          await s.reader.flush();
          expect(s.reader.stats().received).toBeGreaterThan(before);
          await s.reader.close();
          await reading;
        }
      },
    );
  },
);
