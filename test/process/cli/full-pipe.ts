import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A pipe that is full and that nobody reads: who writes to it gets stuck with the first byte. */
export class FullPipe {
  /** For a child to write to. */
  readonly fd: number;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'perfring-pipe-'));
    try {
      const path = join(directory, 'pipe');
      execFileSync('mkfifo', [path]);
      this.fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    } finally {
      rmSync(directory, { recursive: true });
    }
    fill(this.fd, 4096);
    fill(this.fd, 1);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Writes pieces of that size until there is no room for one. */
function fill(fd: number, bytes: number): void {
  const piece = Buffer.alloc(bytes);
  for (;;) {
    try {
      writeSync(fd, piece);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'EAGAIN') return;
      throw error;
    }
  }
}
