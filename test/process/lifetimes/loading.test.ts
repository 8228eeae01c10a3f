import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';

const MAIN = join(__dirname, 'loading-main.cjs');
const PERFRING = join(__dirname, '../../../dist/index.js');

describeWithPrograms('FOR_OBJECTS', 'a load in a worker', () => {
  describeWith(READER_CAPABILITIES, 'whose worker ends', () => {
    afterAll(expectNothingLeft);

    // The load takes some 20 ms on another thread: these moments are before, in, and after it.
    it.each([
      ['terminate', 0],
      ['terminate', 3],
      ['terminate', 15],
      ['exit', 0],
      ['exit', 5],
    ])('by %s after %i ms does not disturb the process', (how, milliseconds) => {
      const { status, signal, stdout, stderr } = spawnSync(
        process.execPath,
        [MAIN, PERFRING, objectPath('calls'), how, `${milliseconds}`],
        { encoding: 'utf8', timeout: 60_000 },
      );
      expect({ status, signal, stderr, stdout }).toEqual({
        status: 0,
        signal: null,
        stderr: '',
        stdout: 'lives on\n',
      });
    });
  });
});
