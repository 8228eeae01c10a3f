import { describeObject } from '../../../lib/btf/object-description';
import { compiledObject } from '../../support/bpf-objects';
import { describeWithPrograms } from '../../support/programs';

describeWithPrograms('FOR_TESTS', 'describeObject', () => {
  it('lists programs, maps, globals and types of events', () => {
    const { btf, programs, maps, globals, eventTypes } = describeObject(compiledObject('events'));
    expect(programs).toEqual([
      { name: 'on_exec', section: 'raw_tp/sched_process_exec' },
      { name: 'on_call', section: 'uprobe' },
    ]);
    expect(maps.map(({ name }) => name)).toEqual(['events', 'execs', 'counts']);
    expect(globals.map(({ name, section, type }) => [name, section, btf.sizeOf(type)])).toEqual([
      ['seen', '.bss', 8],
      ['target_pid', '.rodata', 4],
      ['verbose', '.rodata', 1],
      ['prefix', '.rodata', 8],
    ]);
    expect(eventTypes.map(({ name, map }) => [name, map])).toEqual([
      ['event', 'events'],
      ['event', undefined],
      ['exec_event', 'execs'],
      ['everything', undefined],
    ]);
  });

  it.each<[string, unknown, string]>([
    ['what is no file', 'object', 'ERR_PERF_INVALID_ARGUMENT'],
    ['a file that is none', new Uint8Array(9), 'ERR_PERF_BTF_DAMAGED'],
  ])('refuses %s', (_what, bytes, code) => {
    expect(() => describeObject(bytes as Uint8Array)).toThrow(expect.objectContaining({ code }));
  });
});
