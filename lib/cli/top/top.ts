import { basename } from 'node:path';
import { RingBufferMap, type SampleLayout } from '../../index';
import type { CollectionStats } from '../collection-stats';
import { CommandError } from '../failure';
import { readerOfArray, readerOfRingBuffer, type StreamingReader } from '../stream-collection';
import { commonLayout } from '../builtin-layout';
import { Closers } from '../closers';
import { formatCount, formatRate } from '../quantities';
import { SampleOutput } from '../sample-output';
import { type OpenedSource, openSource } from '../sample-source';
import { StopRequest } from '../stop-request';
import { styleFor, takesEscapes } from '../style';
import { summaryText } from '../summary';
import { cutToWidth } from '../text-width';
import { Tally, type TallyView } from './tally';
import { type Order, ordersFor } from './top-order';
import { TopScreen } from './top-screen';
import { countedFields, type TopSettings } from './top-settings';
import { type PageSettings, pageLines } from './top-text';

/** Runs `perfring top`: counts samples by key, shows the counts while they grow, and writes them at the end. */
export async function top(settings: TopSettings): Promise<void> {
  const { quiet } = settings;
  const closers = new Closers();
  const stop = new StopRequest();
  let output: SampleOutput | undefined;
  let reader: StreamingReader | undefined;
  try {
    stop.listen();
    closers.add(() => stop.close());
    const source = await openSource(settings.source, stop.signal);
    closers.add(() => source.close());
    for (const note of source.notes) process.stderr.write(`perfring: ${note}\n`);
    const layout = commonLayout(source.layout);
    const fields = countedFields(settings.count, layout);
    const tally = new Tally(layout as SampleLayout, fields);
    const opened = openReader(source, settings);
    reader = opened;
    closers.add(() => opened.close());
    const stopProducer = source.start();
    closers.add(stopProducer);
    tally.begin(performance.now());
    if (settings.durationMilliseconds !== undefined) stop.after(settings.durationMilliseconds);

    const view = new TopView(settings, tally, opened, stop);
    closers.add(() => view.close());
    output = SampleOutput.toStdout();
    await view.run(output, stopProducer);
    await output.end();
  } catch (error) {
    // A stop was requested while the object was loaded.
    if (reader === undefined && stop.signal.aborted && error === stop.signal.reason) return;
    // The reader of the pipe has closed it, as `| head` does. That is a normal end.
    if (output?.isClosed !== true) throw error;
  } finally {
    await closers.close();
  }
  if (!quiet && reader !== undefined)
    process.stderr.write(`\n${await summaryText(reader.stats(), styleFor(process.stderr))}`);
}

function openReader({ ring }: OpenedSource, { reader, ringBuffer }: TopSettings): StreamingReader {
  if (!RingBufferMap.is(ring)) return readerOfArray(ring, reader);
  if (ringBuffer instanceof CommandError) throw ringBuffer;
  return readerOfRingBuffer(ring, ringBuffer);
}

/** The page while samples are counted, its keys, and what is written at the end. */
class TopView {
  readonly #settings: TopSettings;
  readonly #tally: Tally;
  readonly #reader: StreamingReader;
  readonly #stop: StopRequest;
  readonly #orders: readonly Order[];
  readonly #screen: TopScreen | undefined;
  readonly #unicode = /utf-?8/i.test(
    process.env['LC_ALL'] || process.env['LC_CTYPE'] || process.env['LANG'] || 'UTF-8',
  );
  #order = 0;
  #paused = false;
  #view: TallyView;

  constructor(settings: TopSettings, tally: Tally, reader: StreamingReader, stop: StopRequest) {
    this.#settings = settings;
    this.#tally = tally;
    this.#reader = reader;
    this.#stop = stop;
    this.#orders = ordersFor(tally.fields.sum);
    this.#view = tally.look(performance.now());
    const isLive = settings.format === 'table' && !settings.quiet && takesEscapes(process.stdout);
    this.#screen = isLive
      ? new TopScreen({ key: (key) => this.#onKey(key), resized: () => this.#draw() })
      : undefined;
  }

  /** Resolves after a stop was requested, when the last counts have been written. */
  async run(output: SampleOutput, stopProducer: () => void): Promise<void> {
    const { format, intervalMilliseconds } = this.#settings;
    this.#screen?.open();
    let written: Promise<void> = Promise.resolve();
    const look = (): void => {
      this.#view = this.#tally.look(performance.now());
      if (this.#screen !== undefined) this.#draw();
      else if (format === 'ndjson') written = written.then(() => output.write(this.#ndjson('interval')));
      // The error is thrown when `written` is awaited.
      written.catch(() => this.#stop.request('signal'));
    };
    const timer = setInterval(look, intervalMilliseconds);
    try {
      const counting = this.#count();
      await Promise.race([this.#stop.requested, counting]);
      stopProducer();
      await this.#reader.close({ drain: true });
      await counting;
      await written;
    } finally {
      clearInterval(timer);
      await this.#screen?.close();
    }
    this.#view = this.#tally.total(performance.now());
    await output.write(format === 'ndjson' ? this.#ndjson('total') : this.#finalText());
  }

  async close(): Promise<void> {
    await this.#screen?.close();
  }

  async #count(): Promise<void> {
    for await (const batch of this.#reader.batches()) batch.forEach(this.#tally.query);
  }

  #onKey(key: string): void {
    if (key === 'q' || key === 'ctrl-c') this.#stop.request('signal');
    else if (key === 's') this.#order = (this.#order + 1) % this.#orders.length;
    else if (key === 'p') this.#paused = !this.#paused;
    this.#draw(true);
  }

  /** @param byKey also while the page is paused: the order may have changed */
  #draw(byKey = false): void {
    const screen = this.#screen;
    if (screen === undefined || (this.#paused && !byKey)) return;
    const { columns, lines } = screen;
    const head = [cutToWidth(this.#headline(), columns), ''];
    const foot = screen.hasKeys ? ['', cutToWidth(this.#keysLine(), columns)] : [];
    const page = pageLines(this.#view, this.#page(columns, lines - head.length - foot.length));
    screen.draw([...head, ...page, ...foot].slice(0, lines));
  }

  #headline(): string {
    const { count, perSecond } = this.#view;
    return `${nameOf(this.#settings)}: ${formatCount(count)} samples, ${formatRate(perSecond)}/s, ${lossText(this.#reader.stats())}`;
  }

  #keysLine(): string {
    return `q quit   s sort (${this.#currentOrder().name})   p ${this.#paused ? 'go on' : 'pause'}`;
  }

  #currentOrder(): Order {
    return this.#orders[this.#order] as Order;
  }

  #page(columns: number, lines?: number): PageSettings {
    return {
      fields: this.#tally.fields,
      order: this.#currentOrder(),
      columns,
      lines,
      mostRows: lines === undefined ? this.#settings.mostRows : Number.POSITIVE_INFINITY,
      style: styleFor(process.stdout),
      unicode: this.#unicode,
    };
  }

  /** What is printed at the end: the same page, with the rates of the whole time. */
  #finalText(): string {
    const columns = process.stdout.columns || Number.POSITIVE_INFINITY;
    const lines = [this.#headline(), '', ...pageLines(this.#view, this.#page(columns))];
    return lines.map((line) => `${line}\n`).join('');
  }

  /** A line for each group, and one for all of them. */
  #ndjson(span: 'interval' | 'total'): string {
    const { by, sum } = this.#tally.fields;
    const { rows, count, perSecond, histograms } = this.#view;
    const lines = [...rows].sort(this.#currentOrder().compare).map((row) => ({
      type: 'group',
      span,
      [by]: row.key === undefined ? null : jsonKey(row.key),
      count: row.count,
      per_second: rounded(row.perSecond),
      ...Object.fromEntries(sum.map((name, index) => [`sum_${name}`, jsonKey(row.sums[index])])),
    }));
    const { lost } = this.#reader.stats().total;
    const all = {
      type: 'all',
      span,
      count,
      per_second: rounded(perSecond),
      lost: lost ?? null,
      ...Object.fromEntries(histograms.map(({ field, buckets }) => [`hist_${field}`, buckets])),
    };
    return [...lines, all].map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

function nameOf({ source }: TopSettings): string {
  switch (source.kind) {
    case 'builtin':
      return source.programs.map(({ program }) => program.name).join(', ');
    case 'object':
      return basename(source.object.path);
    case 'pin':
      return source.path;
    case 'id':
      return `map ${source.id}`;
  }
}

function lossText({ total: { lost } }: CollectionStats): string {
  if (lost === undefined) return 'losses not counted';
  return lost === 0 ? 'none lost' : `${formatCount(lost)} lost`;
}

/** 64-bit integers as strings, and bytes as hexadecimal digits, as in `collect`. */
function jsonKey(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

function rounded(rate: number): number {
  return Number(rate.toPrecision(6));
}
