import {
  CLOCK_MONOTONIC,
  encodePerfEventAttr,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_COUNT_SW_CPU_CLOCK,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TIME,
  PERF_TYPE_SOFTWARE,
} from '../../../lib/abi/perf-event';
import { type CustomAttributes, ringAttr } from '../../../lib/events/attr';
import { codeOf, messageOf } from '../../support/ring-errors';

describe('ringAttr', () => {
  it('sets the wake-up that the option asks for', () => {
    expect(ringAttr({ everyEvents: 5 })).toMatchObject({ wakeup_events: 5, sample_type: PERF_SAMPLE_RAW });
    expect(ringAttr({ everyBytes: 99 })).toMatchObject({ watermark: true, wakeup_watermark: 99 });
    expect(ringAttr('half-full')).toMatchObject({ watermark: true, wakeup_watermark: 0 });
  });

  it.each([PERF_SAMPLE_TIME, BigInt(PERF_SAMPLE_TIME)])('adds to the sample_type %p', (sample_type) => {
    expect(ringAttr('half-full', { sample_type }).sample_type).toBe(PERF_SAMPLE_TIME | PERF_SAMPLE_RAW);
  });

  it('samples each output of a program by default, in the time of bpf_ktime_get_ns()', () => {
    expect(ringAttr('half-full')).toMatchObject({
      type: PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW_BPF_OUTPUT,
      sample_period: 1,
      use_clockid: true,
      clockid: CLOCK_MONOTONIC,
    });
  });

  it('leaves the period to a frequency, which shares its bytes', () => {
    const clock = { type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_CPU_CLOCK, freq: true, sample_freq: 99 };
    const bytes = encodePerfEventAttr(ringAttr('half-full', clock));
    expect(new DataView(bytes.buffer).getBigUint64(16, true)).toBe(99n);
    expect(ringAttr('half-full', { sample_period: 7 }).sample_period).toBe(7);
  });

  it.each([
    'sigtrap',
    'remove_on_exec',
    'aux_output',
    'aux_watermark',
    'watermark',
    'wakeup_events',
    'wakeup_watermark',
  ])('refuses %s by name, and says why', (name) => {
    const value = name === 'aux_watermark' || name.startsWith('wakeup') ? 1 : true;
    const make = (): unknown => ringAttr('half-full', { [name]: value } as CustomAttributes);
    expect(codeOf(make)).toBe('ERR_PERF_INVALID_OPTION');
    expect(messageOf(make)).toMatch(new RegExp(`attributes\\.${name} is not accepted: .{10}`));
  });

  it('takes a flag that is false, and events that begin disabled', () => {
    expect(ringAttr('half-full', { sigtrap: false, disabled: true, enable_on_exec: true })).toMatchObject({
      sigtrap: false,
      disabled: true,
      enable_on_exec: true,
    });
  });
});
