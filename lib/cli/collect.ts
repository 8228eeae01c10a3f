import { isatty } from 'node:tty';
import { RingBufferMap } from '../index';
import { commonLayout } from './builtin-layout';
import { Closers } from './closers';
import type { Collection, CollectionRun } from './collection';
import type { CollectSettings } from './collect-settings';
import { CommandError, usageError } from './failure';
import { filterOf } from './filter/filter';
import { FlightCollection } from './flight-collection';
import { formatNamed, type RecordFormat } from './formats/formats';
import { OutputFile } from './output-file';
import { formatCount } from './quantities';
import { SampleOutput } from './sample-output';
import { type OpenedSource, openSource } from './sample-source';
import { StopRequest } from './stop-request';
import { readerOfArray, readerOfRingBuffer, StreamCollection } from './stream-collection';
import { styleFor } from './style';

/** After a stop signal, the output is abandoned when it accepts no bytes for this long. */
const STUCK_MILLISECONDS = 5000;

/**
 * Runs a collection to its end. Samples go to stdout or a file, everything else to stderr. All resources are closed at
 * the end, also after an error.
 * @throws CommandError, and the errors of the library
 */
export async function collect(settings: CollectSettings): Promise<void> {
  const { quiet } = settings;
  const isTerminal = settings.output === undefined && isatty(1);
  if (isTerminal && settings.format === 'raw') {
    throw usageError('--format raw is not written to a terminal: redirect stdout, or give --output FILE');
  }
  const closers = new Closers();
  const stop = new StopRequest();
  let collection: Collection | undefined;
  let output: SampleOutput | undefined;
  let format: RecordFormat | undefined;
  try {
    stop.listen();
    closers.add(() => stop.close());
    const zero = process.hrtime.bigint();
    const source = await openSource(settings.source, stop.signal);
    closers.add(() => source.close());
    const file = openFile(settings.output);
    // If a later step fails, an existing file stays unchanged.
    closers.add(() => (output === undefined ? file?.discard() : undefined));
    for (const note of source.notes) process.stderr.write(`perfring: ${note}\n`);
    const accepts = acceptsOf(settings.filter, source);
    const opened = openCollection(source, settings);
    collection = opened;
    closers.add(() => opened.close());
    // After the rings are there, so that nothing is missed.
    const stopProducer = source.start();
    closers.add(stopProducer);

    file?.empty();
    output = file === undefined ? SampleOutput.toStdout() : SampleOutput.toFile(file);
    abandonWhenStuck(output, stop);
    if (settings.durationMilliseconds !== undefined) stop.after(settings.durationMilliseconds);
    format = formatNamed(
      settings.format,
      source.layout,
      zero,
      styleFor({ isTTY: isTerminal }),
      // A terminal of unknown width has 0 columns.
      (isTerminal && process.stdout.columns) || undefined,
    );
    await opened.run({
      format,
      output,
      stop,
      count: settings.count,
      stopProducer,
      ...(accepts === undefined ? {} : { accepts }),
      quiet,
      sharesTerminal: isTerminal && process.stderr.isTTY === true,
    });
    await output.end();
  } catch (error) {
    // A stop was requested while the object was loaded.
    if (collection === undefined && stop.signal.aborted && error === stop.signal.reason) return;
    // The reader of the pipe has closed it, as `| head` does. That is a normal end.
    if (output?.isClosed !== true) throw error;
  } finally {
    await closers.close();
  }
  if (quiet) return;
  const style = styleFor(process.stderr);
  process.stderr.write((await collection?.summary(style)) ?? '');
  const unfit = format?.unfit ?? 0;
  if (unfit > 0) process.stderr.write(`${style.warn(unfitNote(unfit))}\n`);
}

function unfitNote(count: number): string {
  const samples = count === 1 ? 'sample was' : 'samples were';
  return `${formatCount(count)} ${samples} too short for the layout and shown as bytes: is it the right one?`;
}

function openCollection({ ring }: OpenedSource, { delivery, ringBuffer }: CollectSettings): Collection {
  if (RingBufferMap.is(ring)) {
    if (ringBuffer instanceof CommandError) throw ringBuffer;
    return new StreamCollection(readerOfRingBuffer(ring, ringBuffer));
  }
  return delivery.kind === 'stream'
    ? new StreamCollection(readerOfArray(ring, delivery.options))
    : FlightCollection.open(ring, delivery.options);
}

/** @throws CommandError (usage) for a condition with a mistake, or over fields that are unknown */
function acceptsOf(filter: string | undefined, source: OpenedSource): CollectionRun['accepts'] {
  if (filter === undefined) return undefined;
  const layout = commonLayout(source.layout);
  if (layout === undefined) {
    throw usageError('--filter needs the fields of the samples: give --type NAME or --layout FILE');
  }
  return filterOf(filter, layout).accepts;
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
