import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BPF_MAP_TYPE_ARRAY } from '../../../lib/abi/bpf';
import { BpfMap, onlineCpus, PerfEventArray } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RemoteSampleProducer, SampleProducer } from '../../support/producers';
import { isExpectedPayload } from '../../support/sample-payload';
import { CliProcess, cli, linesOf, payloadsOf } from './cli-process';

const CPU = onlineCpus()[0] as number;
const PAYLOAD_BYTES = 52;

interface Line {
  readonly cpu: number;
  readonly type: string;
  readonly lost?: string;
  readonly data?: string;
}

/** Samples that found no ring in their slot: before the command was there, and after. */
function withoutRing(producer: { counts(): { failed: { readonly ENOENT?: number } } }): number {
  return producer.counts().failed.ENOENT ?? 0;
}

/** Emits one sample after the other until one arrives. */
async function ringIsThere(producer: RemoteSampleProducer, process: CliProcess): Promise<void> {
  for (;;) {
    const before = withoutRing(producer);
    producer.emitOne({ cpu: CPU });
    if (withoutRing(producer) === before) return;
    if (process.child.exitCode !== null) throw new Error(process.stderrText);
    await pause(5);
  }
}

describeWith(
  ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'],
  'perfring collect on a map of somebody else',
  () => {
    let array: PerfEventArray;
    beforeEach(() => {
      array = PerfEventArray.create({ name: 'somebodys' });
    });
    afterEach(() => array.close());

    it('warns that it takes the map over, delivers every byte of every sample, and leaves the slots empty', async () => {
      const remote = new RemoteSampleProducer(array);
      const producer = new SampleProducer(array, { sizes: [PAYLOAD_BYTES] });
      try {
        const process = new CliProcess(['collect', '--map-id', `${array.info.id}`, '-f', 'raw']).read();
        await ringIsThere(remote, process);
        producer.emit(1000, { cpu: CPU });
        process.child.kill('SIGINT');
        const { code, stdout, stderr } = await process.finished();
        expect(code).toBe(0);
        expect(linesOf(stderr)[0]).toBe(
          `perfring: taking over map ${array.info.id} (somebodys): a program that reads it now gets no more samples`,
        );
        const payloads = payloadsOf(stdout).slice(1);
        expect(payloads).toHaveLength(1000);
        expect(
          payloads.every((payload, sequence) => isExpectedPayload(payload, sequence, PAYLOAD_BYTES)),
        ).toBe(true);

        const before = withoutRing(remote);
        for (const cpu of onlineCpus()) remote.emitOne({ cpu });
        expect(withoutRing(remote) - before).toBe(onlineCpus().length);
      } finally {
        producer.close();
        remote.close();
      }
    });

    it('accounts in rows and summary for every sample that was lost behind a slow pipe', async () => {
      const remote = new RemoteSampleProducer(array);
      const producer = new SampleProducer(array, { sizes: [200] });
      try {
        const process = new CliProcess([
          'collect',
          '--map-id',
          `${array.info.id}`,
          '-f',
          'ndjson',
          '--buffer-bytes',
          '16K',
        ]);
        await ringIsThere(remote, process);
        // Nobody reads the pipe yet: what it does not hold, the ring does, and what that does not hold is lost.
        for (let round = 0; round < 200; round++) {
          producer.emit(1000, { cpu: CPU });
          await pause(1);
        }
        process.read();
        await pause(500);
        producer.emit(1, { cpu: CPU });
        process.child.kill('SIGINT');
        const { stdout, stderr } = await process.finished();
        const lines = linesOf(stdout).map((line) => JSON.parse(line) as Line);
        const samples = lines.filter(({ type }) => type === 'sample').length;
        const lost = lines.reduce((sum, line) => sum + Number(line.lost ?? 0), 0);
        const emitted = producer.counts().emitted + remote.counts().emitted - withoutRing(remote);
        expect(lost).toBeGreaterThan(0);
        expect(samples + lost).toBe(emitted);
        expect(stderr).toContain(
          `${lost.toLocaleString('en')} samples were lost from full rings: --buffer-bytes `,
        );
      } finally {
        producer.close();
        remote.close();
      }
    });

    it('shows size, bytes, thread and time of a sample of unknown layout', async () => {
      const remote = new RemoteSampleProducer(array, { sizes: [12] });
      try {
        const process = new CliProcess([
          'collect',
          '--map-id',
          `${array.info.id}`,
          '-f',
          'ndjson',
          '-n',
          '1',
        ]).read();
        await ringIsThere(remote, process);
        const [line = ''] = linesOf((await process.finished()).stdout);
        expect(JSON.parse(line)).toEqual({
          cpu: CPU,
          type: 'sample',
          time: expect.stringMatching(/^\d+$/),
          pid: expect.any(Number),
          tid: expect.any(Number),
          size: 12,
          data: expect.stringMatching(/^[0-9a-f]{24}$/),
        });
      } finally {
        remote.close();
      }
    });

    it('refuses a map of another type, an unknown id, and a path where nothing is pinned', async () => {
      const plain = BpfMap.create({ type: BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
      try {
        expect(await cli(['collect', '--map-id', `${plain.info.id}`])).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(
            /^perfring: map \d+ is of type array, not ringbuf or perf_event_array; .*\n$/,
          ),
        });
      } finally {
        plain.close();
      }
      expect(await cli(['collect', '--map-id', '4294967295'])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^perfring: .*no map has that id; list the maps: bpftool map list\n$/),
      });
      for (const [path, message] of [
        ['/sys/fs/bpf/nothing-here', /nothing is pinned there; .*bpftool --bpffs map list$/],
        ['/etc/hostname', /bpf file system/],
      ] as const) {
        const { code, stderr } = await cli(['collect', '--map-pin', path]);
        expect(code).toBe(1);
        expect(linesOf(stderr)).toEqual([expect.stringMatching(message)]);
      }
    });

    it('reads a map by its pin', async () => {
      const mount = mkdtempSync(join(tmpdir(), 'perfring-bpffs-'));
      execFileSync('mount', ['-t', 'bpf', 'bpf', mount]);
      const remote = new RemoteSampleProducer(array, { sizes: [20] });
      try {
        const pin = join(mount, 'events');
        array.pin(pin);
        const process = new CliProcess(['collect', '--map-pin', pin, '-n', '1']).read();
        await ringIsThere(remote, process);
        const { code, stdout } = await process.finished();
        expect(code).toBe(0);
        expect(linesOf(stdout)).toEqual([
          '       time  cpu      pid      tid   size  data',
          expect.stringMatching(/^ +\d+\.\d{6} +\d+ +\d+ +\d+ +20 {2}[0-9a-f]{40}$/),
        ]);
        unlinkSync(pin);
      } finally {
        remote.close();
        execFileSync('umount', [mount]);
        rmdirSync(mount);
      }
    });

    it('writes snapshots of a flight recorder, at SIGUSR2 and at the end', async () => {
      const remote = new RemoteSampleProducer(array, { sizes: [12] });
      try {
        const args = [
          'collect',
          '--map-id',
          `${array.info.id}`,
          '--overwrite',
          '-f',
          'ndjson',
          '--buffer-bytes',
          '64K',
        ];
        const process = new CliProcess(args).read();
        await process.until(() => process.stderrText.includes('kill -USR2'));
        for (let sample = 0; sample < 3; sample++) remote.emitOne({ cpu: CPU });
        expect(process.text).toBe('');
        process.child.kill('SIGUSR2');
        await process.until(() => linesOf(process.text).length === 4);
        remote.emitOne({ cpu: CPU });
        process.child.kill('SIGTERM');
        const { code, stdout, stderr } = await process.finished();
        expect(code).toBe(0);
        const lines = linesOf(stdout).map((line) => JSON.parse(line) as Line);
        expect(lines.map(({ type }) => type)).toEqual([
          'snapshot',
          ...Array(3).fill('sample'),
          'snapshot',
          ...Array(4).fill('sample'),
        ]);
        expect(lines.slice(5, 8)).toEqual(lines.slice(1, 4));
        expect(stderr).toMatch(/\n7 samples in 2 snapshots\n$/);
      } finally {
        remote.close();
      }
    });

    afterAll(expectNothingLeft);
  },
);
