import { readFileSync } from 'node:fs';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import { ERROR_CODES } from '../../../lib/errors';
import { objectPath } from '../../support/bpf-objects';
import { FuzzRandom } from '../../support/fuzz-random';
import { expectNothingLeft } from '../../support/ledger';
import { describeWithPrograms } from '../../support/programs';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

describeWithPrograms('FOR_OBJECTS', 'a damaged object', () => {
  const whole = (name: string): Uint8Array => new Uint8Array(readFileSync(objectPath(name)));

  it('is refused wherever it is cut off', () => {
    const bytes = whole('many');
    for (let length = 0; length < bytes.length; length += 61) {
      expect(codeOf(() => BpfObject.open(bytes.subarray(0, length)))).toMatch(
        /^ERR_PERF_(OBJECT|BTF)_DAMAGED$/,
      );
    }
  });

  it.each(['many', 'usdt', 'refused'])(
    'of %s opens or is refused with a code, whatever is written into it',
    (name) => {
      const random = new FuzzRandom(1);
      const bytes = whole(name);
      for (let round = 0; round < 500; round++) {
        const damaged = new DataView(bytes.slice().buffer);
        for (let count = random.below(4); count >= 0; count--) {
          damaged.setUint32(random.below(Math.floor(bytes.length / 4)) * 4, random.pick(NUMBERS), true);
        }
        const code = codeOf(() => BpfObject.open(new Uint8Array(damaged.buffer)).close());
        expect([
          'nothing',
          'EINVAL',
          'ENOENT',
          'ENOTSUP',
          'EOPNOTSUPP',
          ...Object.keys(ERROR_CODES),
        ]).toContain(code);
      }
    },
  );

  it('is refused where its BTF names a type that is not there, which libbpf 1.1 follows', () => {
    const bytes = whole('many');
    const view = new DataView(bytes.buffer);
    // The first type is a pointer. Make it point to a type that does not exist.
    const btf = Buffer.from(bytes.buffer).indexOf(Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0]));
    view.setUint32(btf + 24 + 8, 0x7fff_ffff, true);
    expect(codeOf(() => BpfObject.open(bytes))).toBe('ERR_PERF_BTF_DAMAGED');
  });
});

/** Wrong values for sizes, counts, offsets and type ids in a file. */
const NUMBERS = [
  0, 1, 2, 3, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff,
] as const;
