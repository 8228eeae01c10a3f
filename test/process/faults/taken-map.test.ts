import { PerfEventArray, PerfMapReader } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RemoteSampleProducer } from '../../support/producers';
import { CPUS, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { CliProcess } from '../cli/cli-process';

afterAll(expectNothingLeft);

describeWith(SCENE_CAPABILITIES, 'perfring collect, when another reader takes its map', () => {
  it('says in one line what to do, and does not change the map', async () => {
    using array = PerfEventArray.create({ name: 'contested' });
    using producer = new RemoteSampleProducer(array);
    const { id } = array.info;
    const process = new CliProcess(['collect', '--map-id', `${id}`, '-f', 'raw', '-q']).read();
    try {
      const reads = (): boolean => {
        const before = producer.counts().failed['ENOENT'] ?? 0;
        for (const cpu of CPUS) producer.emitOne({ cpu });
        return (producer.counts().failed['ENOENT'] ?? 0) === before;
      };
      await process.until(reads);
      using reader = PerfMapReader.open(array, { wakeup: 'manual' });
      await process.until(() => process.stderrText.includes('took'));
      process.child.kill('SIGINT');
      const { code, stderr } = await process.finished();
      expect(code).toBe(0);
      expect(stderr.split('\n')).toEqual([
        expect.stringMatching(/^perfring: taking over map/),
        expect.stringMatching(/^perfring: the fields of the samples are unknown/),
        expect.stringMatching(
          /^perfring: another reader took the slot of CPU \d+ in map \d+, or emptied it: .* stop one of the two/,
        ),
        '',
      ]);
      for (const cpu of CPUS) producer.emitOne({ cpu });
      expect(reader.drain(() => undefined)).toBe(CPUS.length);
    } finally {
      process.kill();
    }
  });
});
