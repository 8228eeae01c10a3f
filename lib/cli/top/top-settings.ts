import type { Condition, PerfMapReaderOptions, SampleLayout } from '../../index';
import { type CollectArguments, collectSettings, type Source } from '../collect-settings';
import { usageError } from '../failure';
import { filterOf } from '../filter/filter';
import { parseDuration, parseWhole } from '../quantities';
import { layoutOf } from '../sample-source';
import type { TallyFields } from './tally';

/** The options of `top` as the user typed them, under commander's names. */
export interface TopArguments
  extends Omit<CollectArguments, 'format' | 'output' | 'force' | 'count' | 'order' | 'overwrite'> {
  readonly by?: string;
  readonly sum?: string;
  readonly hist?: string;
  readonly filter?: string;
  readonly interval?: string;
  readonly rows?: string;
  readonly format?: string;
}

const TOP_FORMATS = ['table', 'ndjson'] as const;
export type TopFormat = (typeof TOP_FORMATS)[number];

/** The checked options of `top`. */
export interface TopSettings {
  readonly source: Source;
  readonly layout: SampleLayout;
  readonly reader: PerfMapReaderOptions;
  readonly fields: TallyFields;
  /** Samples that do not meet it are not counted. */
  readonly where: Condition | undefined;
  readonly intervalMilliseconds: number;
  readonly durationMilliseconds: number | undefined;
  readonly mostRows: number;
  readonly format: TopFormat;
  readonly quiet: boolean;
}

const DEFAULT_FIELD = 'comm';
const DEFAULT_ROWS = 20;
const SHORTEST_INTERVAL_MILLISECONDS = 100;

/** Checks the options before anything is opened. @throws CommandError (usage) */
export function topSettings(given: TopArguments): TopSettings {
  const { by, sum, hist, filter, interval, rows, format = 'table', ...common } = given;
  // Rings are read one by one: counts do not depend on the order.
  const { source, delivery, durationMilliseconds, quiet } = collectSettings({ ...common, order: 'cpu' });
  const layout = layoutOf(source);
  if (layout === undefined) {
    throw usageError('top needs the fields of the samples, and those of this map are unknown: use collect');
  }
  const known = TOP_FORMATS.find((name) => name === format);
  if (known === undefined) throw usageError(`--format takes ${TOP_FORMATS.join(' or ')}, got "${format}"`);
  return {
    source,
    reader: delivery.options as PerfMapReaderOptions,
    layout,
    fields: { by: by ?? DEFAULT_FIELD, sum: namesOf(sum, '--sum'), hist: namesOf(hist, '--hist') },
    where: filter === undefined ? undefined : conditionFor(filter, layout),
    intervalMilliseconds: intervalOf(interval),
    durationMilliseconds,
    mostRows: rows === undefined ? DEFAULT_ROWS : parseWhole(rows, '--rows', 1),
    format: known,
    quiet,
  };
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
