import { ATTR_FLAG_BITS, encodePerfEventAttr } from '../../../lib/abi/perf-event';
import type { CustomAttributes } from '../../../lib/events/attr';
import { bpfOutputAttr } from '../../../lib/events/bpf-output';
import { codeOf, messageOf } from '../../support/ring-errors';

/** The flags of struct perf_event_attr that a reader accepts. They don't change which samples come, or how many. */
const TAKEN = [
  'exclude_user',
  'exclude_kernel',
  'exclude_hv',
  'exclude_idle',
  'mmap',
  'comm',
  'task',
  'mmap_data',
  'sample_id_all',
  'exclude_host',
  'exclude_guest',
  'exclude_callchain_kernel',
  'exclude_callchain_user',
  'mmap2',
  'comm_exec',
  'use_clockid',
  'context_switch',
  'namespaces',
  'ksymbol',
  'bpf_event',
  'cgroup',
  'text_poke',
  'build_id',
];

describe('bpfOutputAttr', () => {
  it.each(Object.keys(ATTR_FLAG_BITS))('takes %s, or refuses it by name', (flag) => {
    const make = (): unknown => bpfOutputAttr('half-full', { [flag]: true } as CustomAttributes);
    if (TAKEN.includes(flag)) {
      expect(make()).toMatchObject({ [flag]: true });
      return;
    }
    expect(codeOf(make)).toBe('ERR_PERF_INVALID_OPTION');
    expect(messageOf(make)).toMatch(new RegExp(`attributes\\.${flag} is not accepted: .{10}`));
  });

  it.each([
    'type',
    'config',
    'config1',
    'config2',
    'bp_type',
    'sample_period',
    'sample_freq',
    'aux_watermark',
  ])('refuses a value for %s by name', (name) => {
    const make = (): unknown => bpfOutputAttr('half-full', { [name]: 1 } as CustomAttributes);
    expect(codeOf(make)).toBe('ERR_PERF_INVALID_OPTION');
    expect(messageOf(make)).toMatch(new RegExp(`attributes\\.${name} `));
  });

  it('takes values that say what a sample holds', () => {
    const given = {
      sample_type: 1 << 12,
      read_format: 3,
      branch_sample_type: 1,
      sample_regs_user: 1,
      sample_stack_user: 8,
      sample_regs_intr: 1,
      sample_max_stack: 9,
      clockid: 4,
    };
    const attr = bpfOutputAttr('half-full', given);
    expect(attr).toMatchObject({ ...given, sample_type: (1 << 12) | (1 << 10) });
    expect(encodePerfEventAttr(attr)).toHaveLength(112);
  });
});
