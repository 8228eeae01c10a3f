import * as abi from '../../../lib/abi/perf-event';
import { isRecordFormat, recordFormat } from '../../../lib/records/record-format';

const INVALID = expect.objectContaining({ code: 'ERR_PERF_INVALID_OPTION' });

describe('recordFormat', () => {
  it('is that of a BPF program by default: PERF_SAMPLE_RAW alone', () => {
    expect(recordFormat()).toMatchObject({
      sampleType: abi.PERF_SAMPLE_RAW,
      readFormat: 0,
      sampleIdAll: false,
    });
    expect(recordFormat({ sample_type: 0 }).sampleType).toBe(0);
  });

  it('takes the attributes of an event as they are', () => {
    const format = recordFormat({
      type: 1,
      config: 0,
      sample_type: 0x1000_0000n >> 8n,
      sample_regs_user: 0xffff_ffff_ffff_ffffn,
    } as object);
    expect(format.sampleType).toBe(abi.PERF_SAMPLE_AUX);
    expect(format.userRegistersMask).toBe(0xffff_ffff_ffff_ffffn);
  });

  it('places fields up to the first of variable length once', () => {
    const { places, fixedBytes } = recordFormat({
      sample_type:
        abi.PERF_SAMPLE_IDENTIFIER | abi.PERF_SAMPLE_READ | abi.PERF_SAMPLE_RAW | abi.PERF_SAMPLE_CGROUP,
      read_format: abi.PERF_FORMAT_ID | abi.PERF_FORMAT_LOST,
    });
    expect(places.identifier).toMatchObject({ offset: 8, variableBefore: 0 });
    expect(places.read).toMatchObject({ offset: 16, variableBefore: 0 });
    expect(places.raw).toMatchObject({ offset: 40, variableBefore: 0 });
    expect(places.cgroup).toMatchObject({ offset: 40, variableBefore: 1 });
    expect(fixedBytes).toBe(48);
  });

  it('counts the sample id back from the record end', () => {
    const { fromEnd, sampleIdBytes } = recordFormat({
      sample_type:
        abi.PERF_SAMPLE_TID | abi.PERF_SAMPLE_TIME | abi.PERF_SAMPLE_IDENTIFIER | abi.PERF_SAMPLE_IP,
      sample_id_all: true,
    });
    expect(fromEnd).toEqual({ tid: 24, time: 16, id: -1, streamId: -1, cpu: -1, identifier: 8 });
    expect(sampleIdBytes).toBe(24);
  });

  it.each([
    ['a bit that is no field yet', { sample_type: 1 << 25 }],
    ['the bit above 32', { sample_type: 1n << 32n }],
    ['a read_format that is not known', { read_format: 1 << 5 }],
    ['a branch_sample_type that is not known', { branch_sample_type: 1 << 20 }],
    ['a fraction', { sample_type: 0.5 }],
    ['a negative number', { sample_regs_user: -1n }],
    ['a string', { sample_type: '1' as unknown as number }],
    ['null', { read_format: null as unknown as number }],
    ['an object', { sample_type: {} as unknown as number }],
    ['a symbol', { sample_type: Symbol('x') as unknown as number }],
    ['null for sample_id_all', { sample_id_all: null as unknown as boolean }],
    ['sample_id_all that is no boolean', { sample_id_all: 1 as unknown as boolean }],
  ])('refuses %s', (_what, attributes) => {
    expect(() => recordFormat(attributes)).toThrow(INVALID);
  });

  it('recognises its own results', () => {
    const format = recordFormat();
    expect(isRecordFormat(format)).toBe(true);
    expect(isRecordFormat({ ...format })).toBe(false);
    expect(Object.isFrozen(format)).toBe(true);
  });
});
