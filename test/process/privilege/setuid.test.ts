import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asOrdinaryUser } from '../../support/ordinary-user';
import { describeWith } from '../../support/privilege';
import { reachable } from '../../support/reachable-copy';

const LOAD = join(__dirname, '../../../dist/addon/load.js');
const NOWHERE = '/nowhere/perfring.node';

describeWith(['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_CHOWN'], 'PERFRING_ADDON', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfring-setuid-'));
  const node = join(folder, 'node');

  beforeAll(() => {
    chmodSync(folder, 0o755);
    copyFileSync(process.execPath, node);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** 'loaded', or the code of the error, as an ordinary user. */
  function load(mode: number): string {
    chmodSync(node, mode);
    const script = `try { require(${JSON.stringify(reachable(LOAD))}).addon(); console.log('loaded'); } catch (error) { console.log(error.code); }`;
    const [program, args] = asOrdinaryUser([], [node, '-e', script]);
    const env = { ...process.env, PERFRING_ADDON: NOWHERE };
    return execFileSync(program, args, { encoding: 'utf8', cwd: '/', env }).trim();
  }

  it('chooses the addon in a process without privileges from its file', () => {
    expect(load(0o755)).toBe('ERR_PERF_ADDON_MISSING');
  });

  it('is ignored in a setuid process, as node ignores NODE_OPTIONS there', () => {
    expect(load(0o4755)).toBe('loaded');
  });
});
