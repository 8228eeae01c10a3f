import { execFileSync } from 'node:child_process';
import { pid } from 'node:process';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import type { GlobalValue } from '../../../lib/bpf/global-value';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { codeOf, messageOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

describeWithPrograms('FOR_OBJECTS', 'the global variables of an object', () => {
  it('have names, and what they begin with', () => {
    using object = BpfObject.open(objectPath('many'));
    expect(object.globals).toEqual(
      expect.arrayContaining(['target_pid', 'enabled', 'greeting', 'runs', 'threshold']),
    );
    const values = ['target_pid', 'enabled', 'greeting', 'runs', 'threshold'].map((name) => object.get(name));
    expect(values).toEqual([0, true, 'hello', 0n, -5]);
    expect(messageOf(() => object.get('nope'))).toMatch(/no global variable nope; there are target_pid, /);
  });

  it.each<[string, GlobalValue]>([
    ['target_pid', 0xffff_ffff],
    ['threshold', -0x8000_0000],
    ['runs', 2n ** 64n - 1n],
    ['enabled', false],
    ['greeting', 'fifteen letters'],
    ['greeting', ''],
    ['greeting', 'grüß'],
  ])('take %s = %p', (name, value) => {
    using object = BpfObject.open(objectPath('many'));
    expect(object.set({ [name]: value })).toBe(object);
    expect(object.get(name)).toBe(value);
  });

  it('take bytes of their size, and a number for 64 bits', () => {
    using object = BpfObject.open(objectPath('many'));
    object.set({ target_pid: new Uint8Array([1, 2, 0, 0]), runs: 7 });
    expect([object.get('target_pid'), object.get('runs')]).toEqual([513, 7n]);
  });

  it.each<[string, unknown]>([
    ['nope', 1],
    ['target_pid', -1],
    ['target_pid', 2 ** 32],
    ['target_pid', 1.5],
    ['target_pid', Number.NaN],
    ['target_pid', '1'],
    ['target_pid', null],
    ['target_pid', new Uint8Array(3)],
    ['threshold', 2 ** 31],
    ['runs', 2n ** 64n],
    ['runs', 2 ** 60],
    ['enabled', 1],
    ['greeting', 'sixteen letters!'],
    ['greeting', 'a\0b'],
    ['greeting', 5],
  ])('do not take %s = %p, and then none is set', (name, value) => {
    using object = BpfObject.open(objectPath('many'));
    expect(codeOf(() => object.set({ threshold: 3, [name]: value as never }))).toBe(
      'ERR_PERF_INVALID_ARGUMENT',
    );
    expect(object.get('threshold')).toBe(-5);
  });

  describeWith(READER_CAPABILITIES, 'loaded', () => {
    it('steer the program, and show what it writes', async () => {
      using object = BpfObject.open(objectPath('many'));
      object.set({ target_pid: pid, runs: 1000n });
      await object.load({ only: ['on_exec', 'on_sys_enter'] });
      expect([object.get('target_pid'), object.get('runs')]).toEqual([pid, 1000n]);
      const exec = object.attach('on_exec');
      execFileSync('true');
      expect(object.get('runs')).toBe(1000n);
      exec.close();
      object.attach('on_sys_enter');
      execFileSync('true');
      expect(object.get('runs')).toBeGreaterThan(1000n);
      expect(codeOf(() => object.set({ runs: 0 }))).toBe('ERR_PERF_ALREADY_LOADED');
    });

    it('are set again when a load is tried again', async () => {
      using object = BpfObject.open(objectPath('many'));
      object.set({ threshold: 9 });
      await expect(object.load({ btf: '/no/such/btf' })).rejects.toMatchObject({ code: 'ENOENT' });
      await object.load({ only: ['on_exec'] });
      expect(object.get('threshold')).toBe(9);
    });
  });
});
