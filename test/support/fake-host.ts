import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostPaths } from '../../lib/host/host-paths';

/** A directory that stands for /proc and /sys of another machine. It is empty until a test writes into it. */
export class FakeHost {
  readonly #root = mkdtempSync(join(tmpdir(), 'perfring-host-'));
  readonly paths: HostPaths = { proc: join(this.#root, 'proc'), sys: join(this.#root, 'sys') };

  /** @param path relative to the root, for example `proc/stat` */
  write(path: string, text: string): void {
    const file = join(this.#root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Creates a symbolic link. Replaces an existing one. */
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
