import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { SkippedFault } from '../records/record-ring';
import type { RingGeometry } from './geometry';
import type { RecordCursor } from './record-cursor';

/** Whether `bytes` is a possible distance between data_tail and data_head. */
export function isDistance(bytes: number, capacityBytes: number): boolean {
  return bytes >= 0 && bytes <= capacityBytes && bytes % 8 === 0;
}

/**
 * @param bytes distance between data_tail and data_head
 * @param offset one of the two, modulo the capacity; checked because the option `cursors` may return any value
 * @throws PerfRingError ERR_PERF_RING_CORRUPT
 */
export function checkPositions(bytes: number, offset: number, capacityBytes: number): void {
  const isPlace = offset >= 0 && offset < capacityBytes && offset % 8 === 0;
  if (isPlace && isDistance(bytes, capacityBytes)) return;
  throw new PerfRingError(
    'ERR_PERF_RING_CORRUPT',
    `data_head and data_tail do not lie within ${capacityBytes} bytes, on 8-byte boundaries: resynchronise() skips to data_head`,
  );
}

export function isCorrupt(error: unknown): error is PerfRingError {
  return (error as { code?: unknown } | null)?.code === 'ERR_PERF_RING_CORRUPT';
}

/**
 * What to skip after the cursor refused the header at `position`: that record when only its length does not fit into
 * the u16 of its header, else everything up to the end of the batch. The header is read and checked again, because a
 * hostile writer may have changed it, and every skip must move the position forward.
 * @param left bytes published from `position` on
 * @throws PerfRingError ERR_PERF_CLOSED when the memory was detached
 */
export function faultAt(
  geometry: RingGeometry,
  cursor: RecordCursor,
  position: number,
  left: number,
): SkippedFault {
  const view = dataView(geometry, cursor);
  const type = view.getUint32(position + HEADER_TYPE, true);
  const size = view.getUint16(position + HEADER_SIZE, true);
  const isTruncated = cursor.fault === 'truncated' && size >= HEADER_BYTES && size % 8 === 0 && size <= left;
  return {
    kind: isTruncated ? 'truncated' : 'corrupt',
    skippedBytes: isTruncated ? size : left,
    error: new PerfRingError(
      'ERR_PERF_RING_CORRUPT',
      `corrupt header at ${position} of ${geometry.capacityBytes}: type ${type}, size ${size}, with ${left} bytes available (${cursor.fault}); resynchronise() skips to data_head`,
    ),
  };
}

function dataView({ buffer, dataOffset, capacityBytes }: RingGeometry, cursor: RecordCursor): DataView {
  try {
    return new DataView(buffer, dataOffset, capacityBytes);
  } catch (error) {
    throw cursor.explain(error);
  }
}
