import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostPaths } from '../../lib/host/host-paths';

/** Another machine's /proc and /sys: a directory that is empty until a test writes into it. */
export class FakeHost {
  readonly #root = mkdtempSync(join(tmpdir(), 'perfring-host-'));
  readonly paths: HostPaths = { proc: join(this.#root, 'proc'), sys: join(this.#root, 'sys') };

  /** @param path below the root: `proc/stat` */
  write(path: string, text: string): void {
    const file = join(this.#root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** A symbolic link, in place of one that is there. */
  link(path: string, target: string): void {
    const file = join(this.#root, path);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    symlinkSync(target, file);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true });
  }
}
