import type { SampleLayout } from '../../index';
import type { Style } from '../style';
import { NdjsonFormat } from './ndjson-format';
import { RawFormat } from './raw-format';
import type { RecordFormat } from './record-format';
import { TableFormat } from './table-format';

export type { RecordFormat } from './record-format';

export const FORMAT_NAMES = ['table', 'ndjson', 'raw'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/**
 * @param layout of the samples, where it is known
 * @param zero nanoseconds of CLOCK_MONOTONIC from which a table counts
 * @param terminalColumns how wide the terminal is; undefined where the output is no terminal
 */
export function formatNamed(
  name: FormatName,
  layout: SampleLayout | undefined,
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
