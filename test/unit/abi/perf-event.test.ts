import { encodePerfEventAttr, PERF_ATTR_SIZE_VER5, type PerfEventAttr } from '../../../lib/abi/perf-event';

const BASE = { type: 1, config: 10 };

describe('encodePerfEventAttr', () => {
  it('sets size to the number of bytes it returns', () => {
    const bytes = encodePerfEventAttr(BASE);
    expect(bytes).toHaveLength(PERF_ATTR_SIZE_VER5);
    expect(new DataView(bytes.buffer).getUint32(4, true)).toBe(PERF_ATTR_SIZE_VER5);
  });

  it('takes undefined and false as not given', () => {
    const given = { ...BASE, disabled: false, sample_type: undefined } as unknown as PerfEventAttr;
    expect(encodePerfEventAttr(given)).toEqual(encodePerfEventAttr(BASE));
  });

  it.each([
    ['an unknown field', { sampleType: 1 }, 'struct perf_event_attr has no field sampleType'],
    ['a flag that is no boolean', { disabled: 1 }, 'disabled must be true or false, got 1'],
    ['a fraction', { config: 1.5 }, 'config must be a safe integer or a bigint, got 1.5'],
    ['a string', { config: '10' }, 'config must be a safe integer or a bigint, got "10"'],
    ['a negative word', { read_format: -1 }, 'read_format must be 0 to 18446744073709551615, got -1'],
    ['a word past its field', { type: 2 ** 32 }, 'type must be 0 to 4294967295, got 4294967296'],
    [
      'a clockid past its field',
      { clockid: 2 ** 31 },
      'clockid must be -2147483648 to 2147483647, got 2147483648',
    ],
    [
      'a half word past its field',
      { sample_max_stack: 65536 },
      'sample_max_stack must be 0 to 65535, got 65536',
    ],
    [
      'both ways to wake',
      { wakeup_events: 1, wakeup_watermark: 1, watermark: true },
      'wakeup_events and wakeup_watermark share their bytes: give only one of them',
    ],
    [
      'bytes that the kernel would take for events',
      { wakeup_watermark: 4096 },
      'wakeup_watermark needs watermark: true, and watermark: true needs wakeup_watermark',
    ],
    [
      'a watermark of nothing',
      { watermark: true },
      'wakeup_watermark needs watermark: true, and watermark: true needs wakeup_watermark',
    ],
    [
      'a frequency that the kernel would take for a period',
      { sample_freq: 99 },
      'sample_freq needs freq: true, and freq: true needs sample_freq',
    ],
  ])('refuses %s', (_what, fields, message) => {
    const attr = { ...BASE, ...fields } as unknown as PerfEventAttr;
    expect(() => encodePerfEventAttr(attr)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message }),
    );
  });
});
