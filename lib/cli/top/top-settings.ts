import type { Condition, PerfMapReaderOptions, SampleLayout } from '../../index';
import { builtinLayout, commonLayout } from '../builtin-layout';
import { type CollectArguments, type CollectSettings, collectSettings } from '../collect-settings';
import { usageError } from '../failure';
import { filterOf } from '../filter/filter';
import { parseDuration, parseWhole } from '../quantities';
import type { TallyFields } from './tally';

/** The options of `top` as the user typed them, under commander's names. */
export interface TopArguments
  extends Omit<CollectArguments, 'format' | 'output' | 'force' | 'count' | 'order' | 'overwrite'> {
  readonly by?: string;
  readonly sum?: string;
  readonly hist?: string;
  readonly interval?: string;
  readonly rows?: string;
  readonly format?: string;
}

const TOP_FORMATS = ['table', 'ndjson'] as const;
export type TopFormat = (typeof TOP_FORMATS)[number];

/** The checked options of `top`. */
export interface TopSettings
  extends Pick<CollectSettings, 'source' | 'ringBuffer' | 'durationMilliseconds' | 'quiet'> {
  readonly reader: PerfMapReaderOptions;
  readonly count: CountSettings;
  readonly intervalMilliseconds: number;
  readonly mostRows: number;
  readonly format: TopFormat;
}

/** What is counted, as the user typed it: fields are checked when the layout is known. */
export interface CountSettings {
  readonly by: string | undefined;
  readonly sum: readonly string[];
  readonly hist: readonly string[];
  readonly filter: string | undefined;
}

const DEFAULT_FIELD = 'comm';
const DEFAULT_ROWS = 20;
const SHORTEST_INTERVAL_MILLISECONDS = 100;

/** Checks the options before anything is opened. @throws CommandError (usage) */
export function topSettings(given: TopArguments, object?: string): TopSettings {
  const { by, sum, hist, filter, interval, rows, format = 'table', ...common } = given;
  const { source, delivery, ringBuffer, durationMilliseconds, quiet } = collectSettings(common, object);
  const known = TOP_FORMATS.find((name) => name === format);
  if (known === undefined) throw usageError(`--format takes ${TOP_FORMATS.join(' or ')}, got "${format}"`);
  const { timeInPayload: _, ...reader } = delivery.options as PerfMapReaderOptions;
  const settings: TopSettings = {
    source,
    // Rings are read one by one: counts do not depend on the order.
    reader: { ...reader, order: 'cpu' },
    ringBuffer,
    count: { by, sum: namesOf(sum, '--sum'), hist: namesOf(hist, '--hist'), filter },
    intervalMilliseconds: intervalOf(interval),
    durationMilliseconds,
    mostRows: rows === undefined ? DEFAULT_ROWS : parseWhole(rows, '--rows', 1),
    format: known,
    quiet,
  };
  // The fields of other sources are known when they are open.
  if (source.kind === 'builtin') {
    countedFields(settings.count, commonLayout(builtinLayout(source.programs)));
  }
  return settings;
}

/** The fields to count by, and which samples to count. @throws CommandError (usage) */
export function countedFields(
  { by, sum, hist, filter }: CountSettings,
  layout: SampleLayout | undefined,
): TallyFields {
  if (layout === undefined) {
    throw usageError(
      'top needs the fields of the samples: give --type NAME or --layout FILE, or use collect',
    );
  }
  const names = layout.fields.map(({ name }) => name);
  if (by === undefined && !names.includes(DEFAULT_FIELD)) {
    throw usageError(`--by: name the field to count by, one of ${names.join(', ')}`);
  }
  const fields = { by: by ?? DEFAULT_FIELD, sum, hist };
  return filter === undefined ? fields : { ...fields, where: conditionFor(filter, layout) };
}

function conditionFor(text: string, layout: SampleLayout): Condition {
  const { condition } = filterOf(text, layout);
  if (condition !== undefined) return condition;
  throw usageError(
    `--filter '${text}': top compares fields with constants, with ==, !=, <, <=, >, >=, in, &&, || and !; collect has all of CEL`,
  );
}

function namesOf(text: string | undefined, option: string): string[] {
  if (text === undefined) return [];
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw usageError(`${option} takes names of fields, like pid,bytes; got "${text}"`);
  return [...new Set(names)];
}

function intervalOf(text = '1s'): number {
  const milliseconds = parseDuration(text, '--interval') / 1000;
  if (milliseconds < SHORTEST_INTERVAL_MILLISECONDS || milliseconds > 3600e3) {
    throw usageError(`--interval takes 100ms to 1h, got ${text}`);
  }
  return Math.round(milliseconds);
}
