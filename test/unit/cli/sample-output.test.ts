import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { CommandError } from '../../../lib/cli/failure';
import { SampleOutput } from '../../../lib/cli/sample-output';

/** A stream that takes one chunk at a time, when the test allows it. */
class SlowEnd extends Writable {
  readonly chunks: Buffer[] = [];
  #taken: ((error?: Error | null) => void) | undefined;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, taken: (error?: Error | null) => void): void {
    this.chunks.push(chunk);
    this.#taken = taken;
  }

  take(error?: Error): void {
    this.#taken?.(error);
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('SampleOutput', () => {
  it('waits for a slow output before it accepts more', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout', { queueBytes: 0 });
    let done = false;
    const written = output.write('x'.repeat(100_000)).then(() => {
      done = true;
    });
    await setImmediate();
    expect([end.chunks.length, output.bytesWritten, done]).toEqual([1, 0, false]);
    end.take();
    await setImmediate();
    expect([end.chunks.length, output.bytesWritten, done]).toEqual([2, 65_536, false]);
    end.take();
    await written;
    expect(output.bytesWritten).toBe(100_000);
  });

  it('accepts more while a write is in progress, up to a limit, and writes all in order', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout', { pieceBytes: 4, queueBytes: 10 });
    await output.write('abcdef');
    await output.write('ghij');
    expect([end.chunks.join('|'), output.bytesWritten]).toEqual(['abcd', 0]);
    let done = false;
    const third = output.write('k').then(() => {
      done = true;
    });
    await setImmediate();
    expect(done).toBe(false);
    end.take();
    await third;
    const ended = output.end();
    for (let taken = 0; taken < 3; taken++) {
      await setImmediate();
      end.take();
    }
    await ended;
    expect(end.chunks.join('|')).toBe('abcd|ef|ghij|k');
    expect(output.bytesWritten).toBe(11);
  });

  it('counts bytes, not characters', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout');
    const written = output.write('日本');
    end.take();
    await written;
    expect(output.bytesWritten).toBe(6);
  });

  it('says what to do when the disk is full, now and ever after', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, '/tmp/samples', { queueBytes: 0 });
    const written = output.write('x');
    end.take(errno('ENOSPC'));
    const message = 'cannot write to /tmp/samples: the disk is full; make room, or write elsewhere (ENOSPC)';
    await expect(written).rejects.toThrow(message);
    await expect(output.write('y')).rejects.toThrow(message);
    await expect(output.end()).rejects.toThrow(message);
    expect(output.isClosed).toBe(false);
  });

  it('tells of a failed write when more is written, or at the end', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, '/tmp/samples');
    await output.write('x');
    end.take(errno('ENOSPC'));
    await setImmediate();
    await expect(output.write('y')).rejects.toThrow('the disk is full');
    await expect(output.end()).rejects.toThrow('the disk is full');
  });

  it.each(['EPIPE', 'ECONNRESET'])('recognises by %s that the reader closed the pipe', async (code) => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout', { queueBytes: 0 });
    const written = output.write('x');
    end.take(errno(code));
    await expect(written).rejects.toMatchObject({ code });
    expect(output.isClosed).toBe(true);
  });

  it('can be abandoned while it waits', async () => {
    const output = new SampleOutput(new SlowEnd(), 'stdout', { queueBytes: 0 });
    const written = output.write('x');
    output.abandon(new CommandError('too slow'));
    await expect(written).rejects.toThrow('too slow');
    await expect(output.end()).rejects.toThrow('too slow');
  });

  it('can be abandoned while end() waits', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout');
    void output.write('x').catch(() => undefined);
    const ended = output.end();
    output.abandon(new CommandError('too slow'));
    await expect(ended).rejects.toThrow('too slow');
  });

  it('ends when everything has been written', async () => {
    const end = new SlowEnd();
    const output = new SampleOutput(end, 'stdout');
    const written = output.write('x');
    end.take();
    await written;
    await output.end();
    expect(end.writableFinished).toBe(true);
  });
});
