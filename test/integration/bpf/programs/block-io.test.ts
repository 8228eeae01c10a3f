import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

const BLOCK_BYTES = 64 * 1024;
const BLOCKS = 8;

describeWith(READER_CAPABILITIES, 'block_io', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(process.cwd(), '.perfring-block-io-'));
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  const devices = existsSync('/sys/dev/block') ? readdirSync('/sys/dev/block') : [];
  const hasDisk = devices.length > 0;

  (hasDisk ? it : it.skip)('tells bytes, device and latency of what is written (needs a disk)', async () => {
    const begin = process.hrtime.bigint();
    const samples = await builtinSamples('block_io', {}, () => {
      const args = ['if=/dev/zero', `of=${join(directory, 'file')}`, 'oflag=direct'];
      expect(spawnSync('dd', [...args, `bs=${BLOCK_BYTES}`, `count=${BLOCKS}`]).status).toBe(0);
    });
    const took = process.hrtime.bigint() - begin;
    const writes = samples.filter(({ operation }) => operation === 'write');
    const bytes = writes.reduce((sum, one) => sum + one.bytes, 0);
    // Others may write as well, and a thread of the kernel may pass the requests on.
    expect(bytes).toBeGreaterThanOrEqual(BLOCK_BYTES * BLOCKS);
    for (const { major, minor, latency_ns, time } of writes) {
      expect(devices).toContain(`${major}:${minor}`);
      expect(latency_ns).toBeGreaterThan(0n);
      expect(latency_ns).toBeLessThan(took);
      expect(time).toBeGreaterThan(begin);
    }
  });
});
