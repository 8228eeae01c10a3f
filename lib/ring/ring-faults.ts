import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { SkippedFault } from '../records/record-ring';
import type { RingGeometry } from './geometry';
import type { RecordCursor } from './record-cursor';

/** Whether data_head and data_tail can be so far apart. */
export function isDistance(bytes: number, capacityBytes: number): boolean {
  return bytes >= 0 && bytes <= capacityBytes && bytes % 8 === 0;
}

/**
 * @param bytes between data_head and data_tail
 * @param offset of one of the two in the data area; cursors may be the caller's own
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
 * What is to be stepped over, after the cursor refused the header at `position`: the record when only its length was cut
 * short by the u16 of its header, else everything published, of which nothing can be said. The header is read anew: a
 * hostile writer may have changed it, and every step must lead on.
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
