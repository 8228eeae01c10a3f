import type { Style } from '../style';
import type { KnownLayout } from './fitting-decoder';
import { NdjsonFormat } from './ndjson-format';
import { RawFormat } from './raw-format';
import type { RecordFormat } from './record-format';
import { TableFormat } from './table-format';

export type { RecordFormat } from './record-format';

export const FORMAT_NAMES = ['table', 'ndjson', 'raw'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/**
 * @param layout the layout of the samples; undefined when unknown
 * @param zero the time that a table shows as 0, in nanoseconds of CLOCK_MONOTONIC
 * @param terminalColumns the width of the terminal; undefined when the output is not a terminal
 */
export function formatNamed(
  name: FormatName,
  layout: KnownLayout,
  zero: bigint,
  style: Style,
  terminalColumns?: number,
): RecordFormat {
  switch (name) {
    case 'table':
      return new TableFormat(layout, zero, style, terminalColumns);
    case 'ndjson':
      return new NdjsonFormat(layout);
    case 'raw':
      return new RawFormat(layout);
  }
}
