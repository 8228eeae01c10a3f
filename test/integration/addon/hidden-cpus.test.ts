import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { BAD_ARGUMENT } from '../../../lib/addon/contract';
import { possibleCpus } from '../../../lib/host/cpu-list';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const REGISTER = join(__dirname, '../../support/register-typescript.cjs');
const MAIN = join(__dirname, 'hidden-cpus-main.ts');
const { EFAULT } = constants.errno;
const COUNT = possibleCpus().length;

/** Runs hidden-cpus-main.ts in a new mount namespace, with values of `parts` CPUs. */
function withMounts(change: string, parts: number): unknown {
  const node = [process.execPath, '-r', REGISTER, MAIN, `${parts}`];
  const words = ['--mount', 'sh', '-c', `set -e; ${change}; exec "$@"`, 'sh', ...node];
  return JSON.parse(execFileSync('unshare', words, { encoding: 'utf8' }));
}

/** The command that replaces the content of /sys/devices/system/cpu/possible. */
const possible = (list: string): string =>
  `mount -t tmpfs none /mnt; echo ${list} > /mnt/list; mount --bind /mnt/list /sys/devices/system/cpu/possible`;

describeWith([...READER_CAPABILITIES, 'CAP_SYS_ADMIN'], 'values of a per-CPU map', () => {
  const whereTwo = COUNT > 1 ? it : it.skip;

  whereTwo('are refused where /sys shows fewer CPUs than are possible (needs two)', () => {
    const refused = { lookup: -EFAULT, update: -EFAULT, touchedBehind: false };
    expect(withMounts(possible(`0-${COUNT - 2}`), COUNT - 1)).toEqual(refused);
  });

  it('have values of zero for CPUs that only /sys lists', () => {
    const taken = { lookup: 0, update: 0, touchedBehind: false };
    expect(withMounts(possible(`0-${COUNT}`), COUNT + 1)).toEqual(taken);
  });

  it.each([
    ['there is no /sys', 'mount -t tmpfs none /sys'],
    ['the list is none', possible('none')],
  ])('have no length that is right where %s', (_, change) => {
    const refused = { lookup: BAD_ARGUMENT, update: BAD_ARGUMENT, touchedBehind: false };
    expect(withMounts(change, COUNT)).toEqual(refused);
    expect(withMounts(change, 0)).toEqual(refused);
  });
});
