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

/** After a stop signal, the output is abandoned when it accepts no bytes for this long. */
const STUCK_MILLISECONDS = 5000;

/**
 * Runs a collection to its end. Samples go to stdout or a file, everything else to stderr. All resources are closed at
 * the end, also after an error.
 * @throws CommandError, and the errors of the library
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
    // If a later step fails, an existing file stays unchanged.
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
        // A terminal of unknown width has 0 columns.
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
    // The reader of the pipe has closed it, as `| head` does. That is a normal end.
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

/**
 * After a stop signal, gives up output that accepts no bytes. A pager blocks the output until the user scrolls, and a
 * user who has stopped the command should not have to.
 */
function abandonWhenStuck(output: SampleOutput, stop: StopRequest): void {
  void stop.signalled.then(() => {
    let taken = output.bytesWritten;
    const timer = setInterval(() => {
      if (output.bytesWritten === taken) {
        clearInterval(timer);
        const seconds = STUCK_MILLISECONDS / 1000;
        output.abandon(
          new CommandError(`the output accepted nothing for ${seconds} s: the last samples were not written`),
        );
      }
      taken = output.bytesWritten;
    }, STUCK_MILLISECONDS);
    timer.unref();
  });
}
