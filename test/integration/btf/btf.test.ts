import { execFileSync } from 'node:child_process';
import { Btf } from '../../../lib/btf/btf';
import type { BtfType } from '../../../lib/btf/btf-type';
import { compiledObject } from '../../support/bpf-objects';
import { describeWithPrograms } from '../../support/programs';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const LARGEST_OUTPUT = 256 * 1024 * 1024;

/** A type as `bpftool btf dump -j` prints it. */
function asBpftool(id: number, type: BtfType): object {
  const kind = type.kind.toUpperCase();
  const name = 'name' in type && type.name !== '' ? type.name : '(anon)';
  switch (type.kind) {
    case 'int': {
      const encoding = type.isBool ? 'BOOL' : type.isChar ? 'CHAR' : type.isSigned ? 'SIGNED' : '(none)';
      return { id, kind, name, size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits, encoding };
    }
    case 'float':
      return { id, kind, name, size: type.size };
    case 'array':
      return { id, kind, name, type_id: type.type, index_type_id: type.indexType, nr_elems: type.count };
    case 'struct':
    case 'union':
      return {
        id,
        kind,
        name,
        size: type.size,
        vlen: type.members.length,
        members: type.members.map((member) => ({
          name: member.name || '(anon)',
          type_id: member.type,
          bits_offset: member.bitOffset,
          ...(member.bitSize === 0 ? {} : { bitfield_size: member.bitSize }),
        })),
      };
    case 'enum':
    case 'enum64':
      return {
        id,
        kind,
        name,
        encoding: type.isSigned ? 'SIGNED' : 'UNSIGNED',
        size: type.size,
        vlen: type.values.length,
        values: type.values.map(({ name, value }) => ({ name, val: enumValue(type, value) })),
      };
    case 'fwd':
      return { id, kind, name, fwd_kind: type.isUnion ? 'union' : 'struct' };
    case 'func':
    case 'var':
      return { id, kind, name, type_id: type.type, linkage: type.linkage };
    case 'func_proto':
      return {
        id,
        kind,
        name,
        ret_type_id: type.returnType,
        vlen: type.parameters.length,
        params: type.parameters.map((one) => ({ name: one.name || '(anon)', type_id: one.type })),
      };
    case 'datasec':
      return {
        id,
        kind,
        name,
        size: type.size,
        vlen: type.variables.length,
        vars: type.variables.map((one) => ({ type_id: one.type, offset: one.offset, size: one.size })),
      };
    case 'decl_tag':
      return { id, kind, name, type_id: type.type, component_idx: type.component };
    case 'void':
      return { id, kind };
    default:
      return { id, kind, name, type_id: type.type };
  }
}

/** bpftool prints an unsigned 32-bit value as if it were signed and had 64 bits. */
function enumValue({ kind, isSigned }: BtfType & { isSigned: boolean }, value: number | bigint): string {
  if (kind === 'enum64' || isSigned) return String(value);
  return String(BigInt.asUintN(64, BigInt(Number(value) | 0)));
}

describeWithPrograms('FOR_TESTS', 'Btf', () => {
  it('reads all types of the kernel as bpftool does', () => {
    const stdout = execFileSync('bpftool', ['btf', 'dump', '-j', 'file', VMLINUX], {
      encoding: 'utf8',
      maxBuffer: LARGEST_OUTPUT,
    });
    const { types } = JSON.parse(stdout.replace(/"val":(-?\d+)/g, '"val":"$1"')) as { types: object[] };
    const btf = Btf.ofKernel();
    expect(types.length).toBeGreaterThan(10_000);
    expect(btf.typeCount - 1).toBe(types.length);
    const different = types.flatMap((expected, index) => {
      const read = asBpftool(index + 1, btf.type(index + 1));
      return JSON.stringify(read) === JSON.stringify(expected) ? [] : [{ read, expected }];
    });
    expect(different.slice(0, 3)).toEqual([]);
  });

  it('finds a struct of the kernel and its size', () => {
    const btf = Btf.ofKernel();
    const id = btf.find('perf_event_attr', 'struct');
    expect(btf.type(id as number)).toMatchObject({ kind: 'struct', name: 'perf_event_attr' });
    expect(btf.sizeOf(id as number)).toBeGreaterThanOrEqual(112);
  });

  it('reads the types of an object that clang has compiled', () => {
    const btf = Btf.parse(compiledObject('events'));
    const id = btf.find('everything', 'struct') as number;
    expect(btf.sizeOf(id)).toBe(320);
    expect(btf.tagsOf(id)).toEqual([{ name: 'perfring:mac', component: 14 }]);
  });

  it('says that it does not read objects of the other byte order', () => {
    expect(() => Btf.parse(compiledObject('events', 'bpfeb'))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_OBJECT_DAMAGED',
        message: expect.stringMatching(/big-endian/),
      }),
    );
  });

  it('says why the types of a module that is not there cannot be read', () => {
    expect(() => Btf.ofKernel('perfring_no_such_module')).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_NOT_SUPPORTED',
        message: expect.stringMatching(/perfring_no_such_module can't be read.*module must be loaded/),
      }),
    );
  });
});
