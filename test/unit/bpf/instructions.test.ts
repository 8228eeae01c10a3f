import { BPF_F_CURRENT_CPU } from '../../../lib/abi/bpf';
import * as asm from '../../../lib/bpf/instructions';

const hex = (lines: asm.Line[]): string[] =>
  Buffer.from(asm.assemble(lines)).toString('hex').match(/.{16}/g) ?? [];

describe('assemble', () => {
  // As llvm-objdump shows them: opcode, registers (source, destination), offset, immediate; little-endian.
  it.each<[string, asm.Line, string[]]>([
    ['r6 = r1', asm.mov('r6', 'r1'), ['bf16000000000000']],
    ['r2 = 16', asm.mov('r2', 16), ['b702000010000000']],
    ['w3 = -1', asm.mov32('r3', -1), ['b4030000ffffffff']],
    ['w3 = 0xffffffff', asm.mov32('r3', BPF_F_CURRENT_CPU), ['b4030000ffffffff']],
    ['r1 += -16', asm.add('r1', -16), ['07010000f0ffffff']],
    ['r1 += r2', asm.add('r1', 'r2'), ['0f21000000000000']],
    ['r1 -= r2', asm.sub('r1', 'r2'), ['1f21000000000000']],
    ['r1 *= 3', asm.mul('r1', 3), ['2701000003000000']],
    ['r1 /= 3', asm.div('r1', 3), ['3701000003000000']],
    ['r1 %= r2', asm.mod('r1', 'r2'), ['9f21000000000000']],
    ['r1 &= 255', asm.and('r1', 255), ['57010000ff000000']],
    ['r1 |= 1', asm.or('r1', 1), ['4701000001000000']],
    ['r1 ^= r1', asm.xor('r1', 'r1'), ['af11000000000000']],
    ['r1 <<= 3', asm.shiftLeft('r1', 3), ['6701000003000000']],
    ['r0 >>= 32', asm.shiftRight('r0', 32), ['7700000020000000']],
    ['*(u64 *)(r10 - 32) = r0', asm.store('u64', 'r10', -32, 'r0'), ['7b0ae0ff00000000']],
    ['*(u32 *)(r10 - 4) = 5', asm.store('u32', 'r10', -4, 5), ['620afcff05000000']],
    ['*(u16 *)(r1 + 2) = r3', asm.store('u16', 'r1', 2, 'r3'), ['6b31020000000000']],
    ['*(u8 *)(r1 + 2) = r3', asm.store('u8', 'r1', 2, 'r3'), ['7331020000000000']],
    ['r1 = *(u64 *)(r6 + 24)', asm.load('u64', 'r1', 'r6', 24), ['7961180000000000']],
    ['r1 = *(u32 *)(r6 + 8)', asm.load('u32', 'r1', 'r6', 8), ['6161080000000000']],
    ['r1 = *(u16 *)(r6 + 8)', asm.load('u16', 'r1', 'r6', 8), ['6961080000000000']],
    ['r1 = *(u8 *)(r6 + 8)', asm.load('u8', 'r1', 'r6', 8), ['7161080000000000']],
    ['lock *(u64 *)(r7 + 8) += r1', asm.atomicAdd('u64', 'r7', 8, 'r1'), ['db17080000000000']],
    ['r2 = map fd 5', asm.loadMapFd('r2', 5), ['1812000005000000', '0000000000000000']],
    ['r2 = map fd 5, value', asm.loadMapValue('r2', 5), ['1822000005000000', '0000000000000000']],
    [
      'r1 = 0x1122334455667788 ll',
      asm.loadImmediate64('r1', 0x1122334455667788n),
      ['1801000088776655', '0000000044332211'],
    ],
    ['r1 = -1 ll', asm.loadImmediate64('r1', -1n), ['18010000ffffffff', '00000000ffffffff']],
    ['call 25', asm.call(25), ['8500000019000000']],
    ['exit', asm.exit(), ['9500000000000000']],
  ])('encodes %s', (_text, line, expected) => {
    expect(hex([line])).toEqual(expected);
  });

  it.each<[asm.Comparison, string]>([
    ['==', '15'],
    ['!=', '55'],
    ['>', '25'],
    ['>=', '35'],
    ['<', 'a5'],
    ['<=', 'b5'],
    ['s>', '65'],
    ['s>=', '75'],
    ['s<', 'c5'],
    ['s<=', 'd5'],
    ['&', '45'],
  ])('encodes a jump on %s', (comparison, opcode) => {
    const [jump] = hex([asm.jumpIf('r1', comparison, 7, 'here'), asm.label('here'), asm.exit()]);
    expect(jump).toBe(`${opcode}01000007000000`);
  });

  it('counts a jump from the instruction after it, a 64-bit constant as two, and labels as none', () => {
    const lines = [
      asm.label('top'),
      asm.jumpIf('r1', '==', 'r2', 'out'),
      asm.loadImmediate64('r3', 1n),
      asm.jumpIf32('r1', '!=', 0xffff_ffff, 'top'),
      asm.jump('out'),
      asm.label('out'),
      asm.exit(),
    ];
    expect(hex(lines)).toEqual([
      '1d21040000000000',
      '1803000001000000',
      '0000000000000000',
      '5601fcffffffffff',
      '0500000000000000',
      '9500000000000000',
    ]);
  });

  it('zeroes a span of the stack', () => {
    expect(hex(asm.zeroStack(-16, 16))).toEqual(['7a0af0ff00000000', '7a0af8ff00000000']);
  });

  it.each<[string, asm.Line[], RegExp]>([
    ['nothing', [], /at least one instruction/],
    ['labels alone', [asm.label('here')], /at least one instruction/],
    [
      'an unknown label',
      [asm.jump('nowhere'), asm.exit()],
      /instruction 0 \(jump nowhere\): there is no label nowhere/,
    ],
    ['a label behind the end', [asm.jump('end'), asm.label('end')], /after the last instruction/],
    ['a label twice', [asm.label('a'), asm.exit(), asm.label('a')], /label a is defined twice/],
    ['an unknown register', [asm.mov('r11' as asm.Register, 0)], /r11 is not a register/],
    ['an unknown source register', [asm.mov('r1', 'rax' as asm.Register)], /rax is not a register/],
    ['an offset past its field', [asm.load('u8', 'r1', 'r2', 32_768)], /offset 32768 is outside/],
    ['a fractional offset', [asm.load('u8', 'r1', 'r2', 0.5)], /offset 0.5 is outside/],
    ['an immediate past its field', [asm.mov32('r1', 2 ** 32)], /immediate 4294967296 is outside/],
    ['an immediate that is no number', [asm.add('r1', Number.NaN)], /immediate NaN is outside/],
    [
      'flags that would be sign-extended to others',
      [asm.mov('r3', BPF_F_CURRENT_CPU)],
      /immediate 4294967295 is outside -2147483648 to 2147483647; use loadImmediate64/,
    ],
    ['a constant past 64 bits', [asm.loadImmediate64('r1', 1n << 64n)], /does not fit 64 bits/],
    [
      'a jump too far',
      [
        asm.jump('far'),
        ...Array.from({ length: 32_768 }, () => asm.mov('r0', 0)),
        asm.label('far'),
        asm.exit(),
      ],
      /offset 32768 is outside/,
    ],
  ])('refuses %s', (_what, lines, message) => {
    expect(() => asm.assemble(lines)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_PROGRAM_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('takes offsets, jumps and descriptors to the ends of their fields', () => {
    expect(hex([asm.load('u8', 'r1', 'r2', 32_767)])).toEqual(['7121ff7f00000000']);
    expect(hex([asm.load('u8', 'r1', 'r2', -32_768)])).toEqual(['7121008000000000']);
    expect(() => asm.assemble([asm.load('u8', 'r1', 'r2', -32_769)])).toThrow(/offset -32769 is outside/);
    const filler = (count: number): asm.Line[] => Array.from({ length: count }, () => asm.mov('r0', 0));
    const jump = hex([asm.jump('far'), ...filler(32_767), asm.label('far'), asm.exit()])[0];
    expect(jump).toBe('0500ff7f00000000');
    const back = hex([asm.label('far'), ...filler(32_767), asm.jump('far')]).at(-1);
    expect(back).toBe('0500008000000000');
    expect(() => asm.assemble([asm.label('far'), ...filler(32_768), asm.jump('far')])).toThrow(
      /offset -32769 is outside/,
    );
    for (const fd of [0, 32_767, 32_768, 0x7fff_ffff]) {
      const [low] = hex([asm.loadMapFd('r1', fd)]);
      expect(Buffer.from(low ?? '', 'hex').readInt32LE(4)).toBe(fd);
    }
  });

  it('refuses what is no descriptor, and zeroes of half a word', () => {
    const refused = expect.objectContaining({ code: 'ERR_PERF_PROGRAM_INVALID' });
    expect(() => asm.loadMapFd('r1', 0x8000_0000)).toThrow(refused);
    expect(() => asm.loadMapFd('r1', -1)).toThrow(refused);
    expect(() => asm.loadMapValue('r1', 1.5)).toThrow(refused);
    expect(() => asm.zeroStack(-12, 8)).toThrow(refused);
    expect(() => asm.zeroStack(-16, 4)).toThrow(refused);
  });
});
