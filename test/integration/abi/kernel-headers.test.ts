import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as bpf from '../../../lib/abi/bpf';
import * as btf from '../../../lib/abi/btf';
import { MAP_TYPE_NAMES, PROGRAM_TYPE_NAMES } from '../../../lib/abi/bpf-names';
import { systemCallRegisters } from '../../../lib/abi/pt-regs';
import { syscallNumbers } from '../../../lib/abi/syscalls';
import { Btf } from '../../../lib/btf/btf';
import { CAPABILITIES } from '../../../lib/abi/capability';
import * as elf from '../../../lib/abi/elf';
import * as perfEvent from '../../../lib/abi/perf-event';
import { ATTR_FLAG_BITS, encodePerfEventAttr, type PerfEventAttr } from '../../../lib/abi/perf-event';

/** Names in lib/abi of offsets and sizes, for which the header has no name -> the expression in C. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  MMAP_PAGE_DATA_HEAD: 'offsetof(struct perf_event_mmap_page, data_head)',
  MMAP_PAGE_DATA_TAIL: 'offsetof(struct perf_event_mmap_page, data_tail)',
  MMAP_PAGE_DATA_OFFSET: 'offsetof(struct perf_event_mmap_page, data_offset)',
  MMAP_PAGE_DATA_SIZE: 'offsetof(struct perf_event_mmap_page, data_size)',
  HEADER_TYPE: 'offsetof(struct perf_event_header, type)',
  HEADER_MISC: 'offsetof(struct perf_event_header, misc)',
  HEADER_SIZE: 'offsetof(struct perf_event_header, size)',
  HEADER_BYTES: 'sizeof(struct perf_event_header)',
  // From Linux 6.8 on, so older headers lack it: the bit after the last one of 6.1.
  PERF_SAMPLE_BRANCH_COUNTERS: 'PERF_SAMPLE_BRANCH_PRIV_SAVE << 1',
  BPF_INSN_BYTES: 'sizeof(struct bpf_insn)',
  BPF_INSN_CODE: 'offsetof(struct bpf_insn, code)',
  // offsetof does not take bit fields. These two share the byte after the opcode.
  BPF_INSN_REGS: 'offsetof(struct bpf_insn, code) + sizeof(__u8)',
  BPF_INSN_OFF: 'offsetof(struct bpf_insn, off)',
  BPF_INSN_IMM: 'offsetof(struct bpf_insn, imm)',
  BTF_HEADER_BYTES: 'sizeof(struct btf_header)',
  BTF_HEADER_HDR_LEN: 'offsetof(struct btf_header, hdr_len)',
  BTF_HEADER_TYPE_OFF: 'offsetof(struct btf_header, type_off)',
  BTF_HEADER_TYPE_LEN: 'offsetof(struct btf_header, type_len)',
  BTF_HEADER_STR_OFF: 'offsetof(struct btf_header, str_off)',
  BTF_HEADER_STR_LEN: 'offsetof(struct btf_header, str_len)',
  BTF_TYPE_WORDS: 'sizeof(struct btf_type) / 4',
  BTF_ARRAY_WORDS: 'sizeof(struct btf_array) / 4',
  BTF_MEMBER_WORDS: 'sizeof(struct btf_member) / 4',
  BTF_ENUM_WORDS: 'sizeof(struct btf_enum) / 4',
  BTF_ENUM64_WORDS: 'sizeof(struct btf_enum64) / 4',
  BTF_PARAM_WORDS: 'sizeof(struct btf_param) / 4',
  BTF_VAR_SECINFO_WORDS: 'sizeof(struct btf_var_secinfo) / 4',
  ELF_MAGIC: '*(const unsigned *)ELFMAG',
  EHDR_BYTES: 'sizeof(Elf64_Ehdr)',
  EHDR_MACHINE: 'offsetof(Elf64_Ehdr, e_machine)',
  EHDR_SHOFF: 'offsetof(Elf64_Ehdr, e_shoff)',
  EHDR_SHENTSIZE: 'offsetof(Elf64_Ehdr, e_shentsize)',
  EHDR_SHNUM: 'offsetof(Elf64_Ehdr, e_shnum)',
  EHDR_SHSTRNDX: 'offsetof(Elf64_Ehdr, e_shstrndx)',
  SHDR_BYTES: 'sizeof(Elf64_Shdr)',
  SHDR_NAME: 'offsetof(Elf64_Shdr, sh_name)',
  SHDR_TYPE: 'offsetof(Elf64_Shdr, sh_type)',
  SHDR_FLAGS: 'offsetof(Elf64_Shdr, sh_flags)',
  SHDR_OFFSET: 'offsetof(Elf64_Shdr, sh_offset)',
  SHDR_SIZE: 'offsetof(Elf64_Shdr, sh_size)',
  SHDR_LINK: 'offsetof(Elf64_Shdr, sh_link)',
  SYM_BYTES: 'sizeof(Elf64_Sym)',
  SYM_NAME: 'offsetof(Elf64_Sym, st_name)',
  SYM_INFO: 'offsetof(Elf64_Sym, st_info)',
  SYM_SHNDX: 'offsetof(Elf64_Sym, st_shndx)',
  SYM_VALUE: 'offsetof(Elf64_Sym, st_value)',
};

const HEADERS = [
  '#include <linux/perf_event.h>',
  '#include <linux/bpf.h>',
  '#include <linux/btf.h>',
  '#include <linux/capability.h>',
  '#include <elf.h>',
  '#include <time.h>',
  '#include <cstddef>',
  '#include <cstdio>',
  '#include <cstring>',
].join('\n');

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfring-abi-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Compiles and runs the body of main(). @returns the lines that it printed */
function runCpp(name: string, body: string): string[] {
  const source = join(directory, `${name}.cc`);
  const program = join(directory, name);
  writeFileSync(source, `${HEADERS}\nint main() {\n${body}\n}\n`);
  const { CXX = 'g++' } = process.env;
  execFileSync(CXX, ['-O0', '-o', program, source], { stdio: 'pipe' });
  return execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
}

function numbersOf(module: object): [string, number | bigint][] {
  return Object.entries(module).filter((entry): entry is [string, number | bigint] =>
    ['number', 'bigint'].includes(typeof entry[1]),
  );
}

describe('lib/abi', () => {
  it.each([
    ['perf-event.ts', numbersOf(perfEvent)],
    ['bpf.ts', numbersOf(bpf)],
    ['btf.ts', numbersOf(btf)],
    ['elf.ts', numbersOf(elf)],
  ])('%s has the numbers of the compiled headers', (file, numbers) => {
    const body = numbers
      .map(
        ([name, number]) =>
          `std::printf("${name} ${typeof number === 'bigint' ? '%llu' : '%lld'}\\n", (long long)(${EXPRESSIONS[name] ?? name}));`,
      )
      .join('\n');
    const printed = runCpp(file.replace('.ts', ''), body);
    expect(printed).toEqual(numbers.map(([name, number]) => `${name} ${number}`));
    expect(numbers.length).toBeGreaterThan(30);
  });

  it.each([
    ['BPF_MAP_TYPE_', MAP_TYPE_NAMES, 'BPF_MAP_TYPE_BLOOM_FILTER'],
    ['BPF_PROG_TYPE_', PROGRAM_TYPE_NAMES, 'BPF_PROG_TYPE_SYSCALL'],
  ])('bpf-names.ts has the names of %s… of the compiled headers', (prefix, names, last) => {
    // Headers may be older than the newest types.
    const known = names.slice(0, names.indexOf(last.slice(prefix.length).toLowerCase()) + 1);
    const body = known.map((name) => `std::printf("%d\\n", (int)${prefix}${name.toUpperCase()});`).join('\n');
    expect(runCpp(prefix, body)).toEqual(known.map((_, index) => `${index}`));
    expect(known.length).toBeGreaterThan(30);
  });

  it('capability.ts has the bits of the compiled header, in their order', () => {
    const body = CAPABILITIES.map((name) => `std::printf("%d\\n", ${name});`).join('\n');
    expect(runCpp('capability', body).map(Number)).toEqual(CAPABILITIES.map((_name, bit) => bit));
  });

  it.each([
    ['x64', 'asm/unistd_64.h', ''],
    [
      'arm64',
      'asm-generic/unistd.h',
      ['RENAMEAT', 'NEW_STAT', 'SET_GET_RLIMIT', 'TIME32_SYSCALLS', 'SYS_CLONE3', 'MEMFD_SECRET']
        .map((name) => `#define __ARCH_WANT_${name}\n`)
        .join(''),
    ],
  ])('syscalls.ts has the system calls of the headers of %s', (architecture, header, definitions) => {
    // On another architecture the compiler has no header of x86-64.
    if (architecture === 'x64' && process.arch !== 'x64') return;
    const source = join(directory, `${architecture}.h`);
    writeFileSync(source, `${definitions}#include <${header}>\n`);
    const { CXX = 'g++' } = process.env;
    const text = execFileSync(CXX, ['-E', '-dM', source], { encoding: 'utf8' });
    const macros = new Map(
      [...text.matchAll(/^#define (__NR\w+) (\S+)$/gm)].map((match) => [match[1], match[2]]),
    );
    const resolved = (value: string | undefined): number =>
      macros.has(value) ? resolved(macros.get(value)) : Number(value);
    const names = [...macros.keys()].filter(
      (name): name is string => name !== undefined && /^__NR_(?!syscalls|arch_specific)/.test(name),
    );
    expect(names.length).toBeGreaterThan(300);
    const numbers = syscallNumbers(architecture);
    const ours = Object.fromEntries(names.map((name) => [name, numbers[name.slice('__NR_'.length)]]));
    expect(ours).toEqual(Object.fromEntries(names.map((name) => [name, resolved(name)])));
  });

  it('pt-regs.ts has the offsets of the running kernel', () => {
    const btf = Btf.ofKernel();
    const type = btf.type(btf.find('pt_regs', 'struct') ?? 0);
    const members = type.kind === 'struct' ? type.members : [];
    const offsetOf = (...names: string[]): number | undefined => {
      const member = members.find(({ name }) => names.includes(name));
      return member === undefined ? undefined : member.bitOffset / 8;
    };
    const { number, arguments: args } = systemCallRegisters();
    if (process.arch === 'arm64') {
      expect([number, args[0]]).toEqual([offsetOf('syscallno'), offsetOf('orig_x0')]);
      return;
    }
    expect(number).toBe(offsetOf('orig_ax'));
    expect(args).toEqual(['di', 'si', 'dx', 'r10', 'r8', 'r9'].map((name) => offsetOf(name)));
  });

  describe('encodePerfEventAttr', () => {
    const flags = Object.keys(ATTR_FLAG_BITS) as (keyof typeof ATTR_FLAG_BITS)[];
    const words: PerfEventAttr = {
      type: 0xfedcba98,
      config: 0x1122334455667788n,
      sample_period: 0xffffffffffffffffn,
      sample_type: 0x0101010101n,
      read_format: 31,
      wakeup_events: 0x87654321,
      bp_type: 3,
      config1: 0x1234n,
      config2: 0x5678n,
      branch_sample_type: 9n,
      sample_regs_user: 10n,
      sample_stack_user: 4096,
      clockid: -2,
      sample_regs_intr: 11n,
      aux_watermark: 12,
      sample_max_stack: 0xabcd,
    };

    it('lays every word and every flag out as the compiler does', () => {
      const cases: PerfEventAttr[] = [
        words,
        ...flags
          .filter((flag) => flag !== 'freq' && flag !== 'watermark')
          .map((flag) => ({ type: 1, config: 10, [flag]: true })),
        { type: 1, config: 10, freq: true, sample_freq: 99 },
        { type: 1, config: 10, watermark: true, wakeup_watermark: 4096 },
      ];
      const body = [
        'static struct perf_event_attr attr;',
        ...cases.flatMap((attr) => [
          'std::memset(&attr, 0, sizeof attr);',
          'attr.size = PERF_ATTR_SIZE_VER5;',
          ...Object.entries(attr).map(([field, value]) =>
            typeof value === 'boolean'
              ? `attr.${field} = 1;`
              : `attr.${field} = ${value}${BigInt(value) > 0x7fffffffn ? 'ull' : ''};`,
          ),
          'for (int i = 0; i < PERF_ATTR_SIZE_VER5; i++) std::printf("%02x", ((unsigned char *)&attr)[i]);',
          'std::printf("\\n");',
        ]),
      ].join('\n');
      expect(runCpp('attr', body)).toEqual(
        cases.map((attr) => Buffer.from(encodePerfEventAttr(attr)).toString('hex')),
      );
    });
  });
});
