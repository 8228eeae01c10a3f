import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH } from '../../../lib/abi/bpf';
import { BpfMap } from '../../../lib/bpf/bpf-map';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import { readTypedObject } from '../../../lib/bpf/object-types';
import type { ProgramRejectedError } from '../../../lib/bpf/program-rejected-error';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { codeOfRejection } from '../../support/rejections';
import { codeOf, messageOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

const COUNTS = { type: BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 64, name: 'mine' };

describeWithPrograms('FOR_OBJECTS', 'BpfObject', () => {
  it('lists programs and maps in the order of the file', () => {
    using object = BpfObject.open(objectPath('many'));
    expect(object.programs.slice(0, 3)).toEqual(['on_exec', 'on_sys_enter', 'on_switch']);
    expect(object.maps).toEqual(['events', 'ring', 'counts', 'per_cpu']);
    expect([object.loaded, object.closed]).toEqual([false, false]);
  });

  it('opens bytes, which may change afterwards', () => {
    const bytes = new Uint8Array(readFileSync(objectPath('many')));
    using object = BpfObject.open(bytes, { name: 'bytes' });
    bytes.fill(0);
    expect(object.programs).toContain('on_exec');
  });

  it.each([
    [undefined, 'ERR_PERF_INVALID_ARGUMENT'],
    ['/no/such/file.bpf.o', 'ENOENT'],
    [tmpdir(), 'EISDIR'],
    ['a\0b', 'ERR_PERF_INVALID_ARGUMENT'],
    [__filename, 'ERR_PERF_OBJECT_DAMAGED'],
    [new Uint8Array(0), 'ERR_PERF_OBJECT_DAMAGED'],
    [new Uint8Array(1000), 'ERR_PERF_OBJECT_DAMAGED'],
    [process.execPath, 'ERR_PERF_OBJECT_DAMAGED'],
  ])('is not made of %p', (source, code) => {
    expect(codeOf(() => BpfObject.open(source as string))).toBe(code);
  });

  it('refuses types of another object, and opens one with its types', () => {
    const { types, ...typed } = readTypedObject(objectPath('calls'));
    const open = () => BpfObject.open(objectPath('many'), { types });
    expect(messageOf(open)).toMatch(
      /^many\.bpf\.o has no program on_call, which the types have: .*perfring gen$/,
    );
    expect(codeOf(() => BpfObject.open(objectPath('many'), { types: {} as never }))).toBe(
      'ERR_PERF_INVALID_OPTION',
    );
    expect(codeOf(() => BpfObject.open({ ...typed, types: { programs: 1 } as never }))).toBe(
      'ERR_PERF_INVALID_OPTION',
    );
    using object = BpfObject.open({ ...typed, types });
    expect(object.programs).toEqual(['on_call', 'on_note', 'on_plain']);
  });

  it('names what it has when it is asked for something else, and refuses unknown options', () => {
    using object = BpfObject.open(objectPath('refused'));
    expect(messageOf(() => object.configureMap('nope', {}))).toMatch(/has no map nope; there are/);
    expect(codeOf(() => BpfObject.open(objectPath('refused'), { nope: 1 } as never))).toBe(
      'ERR_PERF_INVALID_OPTION',
    );
  });

  it('says that it is not loaded, or closed', async () => {
    const object = BpfObject.open(objectPath('many'));
    for (const use of [
      () => object.map('events'),
      () => object.program('on_exec'),
      () => object.attach('on_exec'),
    ]) {
      expect(codeOf(use)).toBe('ERR_PERF_NOT_LOADED');
    }
    object.close();
    object.close();
    expect(codeOf(() => object.map('events'))).toBe('ERR_PERF_CLOSED');
    expect(await codeOfRejection(object.load())).toBe('ERR_PERF_CLOSED');
  });

  describeWith(READER_CAPABILITIES, 'loaded', () => {
    it('has its maps and programs, those of a map of events with the sizes that the kernel takes', async () => {
      using object = BpfObject.open(objectPath('many'));
      expect(await object.load()).toBe(object);
      expect(object.map('events').info).toMatchObject({ keySize: 4, valueSize: 4, name: 'events' });
      expect(object.map('ring').info).toMatchObject({ keySize: 0, valueSize: 0, maxEntries: 4096 });
      expect(object.map('counts')).toBe(object.map('counts'));
      const key = new Uint8Array(4);
      object.map('counts').update(key, new Uint8Array(8).fill(7));
      expect(object.map('counts').lookup(key)).toEqual(new Uint8Array(8).fill(7));
      expect(object.program('on_tc').testRun({ dataIn: new Uint8Array(14) }).returnValue).toBe(0);
      expect(codeOf(() => object.program('on_kprobe'))).toBe('ERR_PERF_NOT_LOADED');
      expect(codeOf(() => object.program('nope'))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(await codeOfRejection(object.load())).toBe('ERR_PERF_ALREADY_LOADED');
      expect(codeOf(() => object.configureMap('counts', {}))).toBe('ERR_PERF_ALREADY_LOADED');
    });

    it('has only the programs asked for', async () => {
      using object = BpfObject.open(objectPath('refused'));
      await object.load({ only: ['good'] });
      expect(object.program('good').fd).toBeGreaterThan(0);
      expect(codeOf(() => object.attach('on_nothing'))).toBe('ERR_PERF_NOT_LOADED');
    });

    it('refuses names and options that it does not know', async () => {
      using object = BpfObject.open(objectPath('refused'));
      expect(await codeOfRejection(object.load({ only: ['nope'] }))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(await codeOfRejection(object.load({ only: 'good' as never }))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(await codeOfRejection(object.load({ onyl: ['good'] } as never))).toBe('ERR_PERF_INVALID_OPTION');
      expect(await codeOfRejection(object.load({ signal: {} as never }))).toBe('ERR_PERF_INVALID_ARGUMENT');
    });

    it('says which program the verifier rejected, and why; then it can be loaded without that', async () => {
      using object = BpfObject.open(objectPath('refused'));
      await expect(object.load({ only: ['reads_past_context', 'good'] })).rejects.toMatchObject({
        code: 'ERR_PERF_PROGRAM_REJECTED',
        message: expect.stringMatching(
          /rejected program "reads_past_context" of refused\.bpf\.o: .*expected=map_ptr/,
        ),
        cause: expect.objectContaining({ code: 'EACCES' }),
      });
      const failed = await object.load({ only: ['reads_past_context'] }).catch((error: unknown) => error);
      expect((failed as ProgramRejectedError).log).toContain('call bpf_map_lookup_elem#1');
      await object.load({ only: ['good'] });
      expect(object.loaded).toBe(true);
    });

    it('names the field that the kernel lacks, and the tracepoint', async () => {
      using object = BpfObject.open(objectPath('refused'));
      await expect(object.load({ only: ['unknown_field'] })).rejects.toMatchObject({
        code: 'ERR_PERF_RELOCATION',
        message: expect.stringMatching(/"unknown_field" .*task_struct\.no_such_field/),
      });
      await expect(object.load({ only: ['unknown_tracepoint'] })).rejects.toMatchObject({
        code: 'ESRCH',
        message: expect.stringContaining('no_such_tracepoint'),
      });
    });

    it('takes the BTF of another kernel for CO-RE', async () => {
      using object = BpfObject.open(objectPath('many'));
      await expect(object.load({ only: ['list_tasks'], btf: '/no/such/btf' })).rejects.toMatchObject({
        message: expect.stringContaining('/no/such/btf'),
      });
      await object.load({ only: ['list_tasks'], btf: '/sys/kernel/btf/vmlinux' });
    });

    it('is loaded by one call at a time, and closed in the middle', async () => {
      const object = BpfObject.open(objectPath('many'));
      const first = codeOfRejection(object.load());
      expect(await codeOfRejection(object.load())).toBe('ERR_PERF_BUSY');
      expect(codeOf(() => object.map('events'))).toBe('ERR_PERF_NOT_LOADED');
      object.close();
      expect(await first).toBe('ERR_PERF_CLOSED');
    });

    it('ends with the reason of a signal, and can be loaded again', async () => {
      using object = BpfObject.open(objectPath('many'));
      const reason = new Error('enough');
      await expect(object.load({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const controller = new AbortController();
      const load = object.load({ signal: controller.signal });
      controller.abort(reason);
      await expect(load).rejects.toBe(reason);
      await object.load();
    });

    it('changes the size of a map', async () => {
      using object = BpfObject.open(objectPath('many'));
      expect(object.configureMap('counts', { maxEntries: 3 })).toBe(object);
      object.configureMap('ring', { maxEntries: 65_536 });
      await object.load({ only: ['on_exec'] });
      expect(object.map('counts').info.maxEntries).toBe(3);
      expect(object.map('ring').info.maxEntries).toBe(65_536);
      for (const maxEntries of [0, -1, 1.5, 2 ** 32, Number.NaN]) {
        using other = BpfObject.open(objectPath('many'));
        expect(codeOf(() => other.configureMap('counts', { maxEntries }))).toBe('ERR_PERF_INVALID_OPTION');
      }
    });

    it('uses a map of ours in place of its own, which stays open', async () => {
      using map = BpfMap.create(COUNTS);
      using object = BpfObject.open(objectPath('many'));
      object.configureMap('counts', { replaceBy: map });
      await object.load({ only: ['on_exec'] });
      expect(object.map('counts').info.id).toBe(map.info.id);
      object.close();
      expect(map.closed).toBe(false);
    });

    it.each([
      { ...COUNTS, type: BPF_MAP_TYPE_ARRAY },
      { ...COUNTS, valueSize: 16 },
      { ...COUNTS, keySize: 8 },
    ])('takes no map of another shape: %p', (options) => {
      using map = BpfMap.create(options);
      using object = BpfObject.open(objectPath('many'));
      expect(codeOf(() => object.configureMap('counts', { replaceBy: map }))).toBe('ERR_PERF_MAP_TYPE');
      expect(codeOf(() => object.configureMap('counts', { replaceBy: 5 as never }))).toBe(
        'ERR_PERF_INVALID_OPTION',
      );
      expect(codeOf(() => object.configureMap('many.bss', { replaceBy: map }))).toBe(
        'ERR_PERF_INVALID_ARGUMENT',
      );
    });

    describeWith(['CAP_SYS_ADMIN'], 'with a bpf file system', () => {
      let directory: string;

      beforeAll(() => {
        directory = mkdtempSync(join(tmpdir(), 'perfring-bpffs-'));
        execFileSync('mount', ['-t', 'bpf', 'bpf', directory]);
      });

      afterAll(() => {
        execFileSync('umount', [directory]);
        rmdirSync(directory);
      });

      it('uses a pinned map', async () => {
        const path = join(directory, 'counts');
        using map = BpfMap.create(COUNTS);
        map.pin(path);
        using object = BpfObject.open(objectPath('many'));
        expect(codeOf(() => object.configureMap('counts', { replaceBy: `${path}-not` }))).toBe('ENOENT');
        object.configureMap('counts', { replaceBy: path });
        await object.load({ only: ['on_exec'] });
        expect(object.map('counts').info.id).toBe(map.info.id);
        rmSync(path);
      });

      it('leaves a program attached that was pinned', async () => {
        const path = join(directory, 'link');
        const object = BpfObject.open(objectPath('many'));
        await object.load({ only: ['on_exec'] });
        const counts = BpfMap.openById(object.map('counts').info.id);
        const link = object.attach('on_exec');
        link.pin(path);
        object.close();
        expect(link.closed).toBe(true);
        expect(codeOf(() => link.pin(path))).toBe('ERR_PERF_CLOSED');
        execFileSync('true');
        unlinkSync(path);
        expect(counts.info.name).toBe('counts');
        counts.close();
      });
    });
  });
});
