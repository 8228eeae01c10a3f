import { isatty } from 'node:tty';
import type { PerfEventArray } from '../index';
import { Closers } from './closers';
import type { Collection } from './collection';
import type { CollectSettings, Delivery } from './collect-settings';
import { CommandError, usageError } from './failure';
import { FlightCollection } from './flight-collection';
import { formatNamed } from './formats/formats';
import { OutputFile } from './output-file';
import { SampleOutput } from './sample-output';
import { layoutOf, openArray, startProgram, takeoverNote } from './sample-source';
import { StopRequest } from './stop-request';
import { StreamCollection } from './stream-collection';
import { styleFor } from './style';

/** After a stop signal, output that takes nothing for this long is abandoned. */
const STUCK_MILLISECONDS = 5000;

/**
 * Runs a collection to its end: samples go to stdout or a file, everything else to stderr. Closes what was opened,
 * however it ends.
 * @throws CommandError, and what the library throws
 */
export async function collect(settings: CollectSettings): Promise<void> {
  const { source, delivery, quiet } = settings;
  const isTerminal = settings.output === undefined && isatty(1);
  if (isTerminal && settings.format === 'raw') {
    throw usageError('--format raw is not written to a terminal: redirect stdout, or give --output FILE');
  }
  const closers = new Closers();
  const stop = new StopRequest();
  let collection: Collection | undefined;
  let output: SampleOutput | undefined;
  try {
    stop.listen();
    closers.add(() => stop.close());
    const zero = process.hrtime.bigint();
    const array = openArray(source);
    closers.add(() => array.close());
    const file = openFile(settings.output);
    // If a later step fails, an existing file stays as it was.
    closers.add(() => (output === undefined ? file?.discard() : undefined));
    const note = takeoverNote(source, array);
    if (note !== undefined) process.stderr.write(`perfring: ${note}\n`);
    const opened = openCollection(array, delivery);
    collection = opened;
    closers.add(() => opened.close());
    const program = startProgram(source, array);
    closers.add(() => program?.close());

    file?.empty();
    output = file === undefined ? SampleOutput.toStdout() : SampleOutput.toFile(file);
    abandonWhenStuck(output, stop);
    if (settings.durationMilliseconds !== undefined) stop.after(settings.durationMilliseconds);
    await opened.run({
      format: formatNamed(
        settings.format,
        layoutOf(source),
        zero,
        styleFor({ isTTY: isTerminal }),
        // A terminal that does not know its width has 0 columns.
        (isTerminal && process.stdout.columns) || undefined,
      ),
      output,
      stop,
      count: settings.count,
      stopProducer: () => program?.close(),
      quiet,
      sharesTerminal: isTerminal && process.stderr.isTTY === true,
    });
    await output.end();
  } catch (error) {
    // The reader of the pipe has gone away, as `| head` does: a normal end.
    if (output?.isClosed !== true) throw error;
  } finally {
    await closers.close();
  }
  if (!quiet) process.stderr.write((await collection?.summary(styleFor(process.stderr))) ?? '');
}

function openCollection(array: PerfEventArray, delivery: Delivery): Collection {
  return delivery.kind === 'stream'
    ? StreamCollection.open(array, delivery.options)
    : FlightCollection.open(array, delivery.options);
}

function openFile(output: CollectSettings['output']): OutputFile | undefined {
  return output === undefined ? undefined : OutputFile.open(output.path, output.force);
}

/** A pager that is not scrolled blocks the output. After a signal the user does not want to wait for it. */
function abandonWhenStuck(output: SampleOutput, stop: StopRequest): void {
  void stop.signalled.then(() => {
    let taken = output.bytesWritten;
    const timer = setInterval(() => {
      if (output.bytesWritten === taken) {
        clearInterval(timer);
        const seconds = STUCK_MILLISECONDS / 1000;
        output.abandon(
          new CommandError(`nothing was taken for ${seconds} s: the last samples are not written`),
        );
      }
      taken = output.bytesWritten;
    }, STUCK_MILLISECONDS);
    timer.unref();
  });
}
