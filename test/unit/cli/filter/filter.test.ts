import { exitCodeOf } from '../../../../lib/cli/failure';
import { filterOf } from '../../../../lib/cli/filter/filter';
import { defineLayout, type SampleLayout } from '../../../../lib/layout/sample-layout';
import { prepareQuery } from '../../../../lib/query/sample-query';
import { RingFixture } from '../../../support/ring-fixture';
import { sampleBytes } from '../../../support/ring-records';

const layout = defineLayout({
  time: 'u64',
  pid: 'u32',
  nice: 'i32',
  comm: 'char[16]',
  state: { enum: { R: 0, S: 1, D: 2 } },
  on: 'bool',
  load: 'f64',
  peer: defineLayout({ ip: 'ipv4', port: 'u16be' }),
  cpus: 'u32[2]',
  raw: 'bytes[2]',
  type: 'u8',
});

const { offset: peerOffset } = layout.fields.find(({ name }) => name === 'peer') as { offset: number };
const offsetOf = (name: string) => layout.fields.find((field) => field.name === name)?.offset as number;

interface Event {
  readonly time?: bigint;
  readonly pid?: number;
  readonly nice?: number;
  readonly comm?: string;
  readonly state?: number;
  readonly on?: boolean;
}

function sample({
  time = 5n,
  pid = 42,
  nice = -3,
  comm = 'node',
  state = 1,
  on = true,
}: Event = {}): Uint8Array {
  const bytes = new Uint8Array(layout.size + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(offsetOf('time'), time, true);
  view.setUint32(offsetOf('pid'), pid, true);
  view.setInt32(offsetOf('nice'), nice, true);
  new TextEncoder().encodeInto(comm, bytes.subarray(offsetOf('comm'), offsetOf('comm') + 16));
  view.setUint32(offsetOf('state'), state, true);
  view.setUint8(offsetOf('on'), on ? 1 : 0);
  view.setFloat64(offsetOf('load'), 1.5, true);
  bytes.set([10, 0, 0, 1], peerOffset);
  view.setUint16(peerOffset + 4, 443);
  view.setUint32(offsetOf('cpus'), 7, true);
  view.setUint32(offsetOf('cpus') + 4, 8, true);
  bytes.set([0xab, 0xcd], offsetOf('raw'));
  view.setUint8(offsetOf('type'), 9);
  return sampleBytes(bytes);
}

/** Which of the samples the filter accepts, and which a query with its condition counts; undefined without one. */
function accepted(text: string, samples: readonly Uint8Array[]): { closure: boolean[]; query?: number } {
  const filter = filterOf(text, layout);
  const fixture = new RingFixture();
  fixture.publish(...samples);
  fixture.ring.startReadBatch();
  const closure: boolean[] = [];
  fixture.ring.visit((record) => {
    closure.push(filter.accepts(record as never));
  });
  if (filter.condition === undefined) return { closure };
  const query = prepareQuery(layout as SampleLayout, { where: filter.condition });
  const again = new RingFixture();
  again.publish(...samples);
  again.ring.startReadBatch();
  again.ring.visit(query);
  return { closure, query: query.matched };
}

describe('filterOf', () => {
  it.each([
    ['pid == 42', true],
    ['42 == pid', true],
    ['43 > pid', true],
    ['43 < pid', false],
    ['pid != 42', false],
    ['pid >= 42 && nice < 0', true],
    ['nice == -3', true],
    ['-3 == nice', true],
    ['pid == 1 || comm == "node"', true],
    ['!(pid == 42)', false],
    ['!on', false],
    ['on', true],
    ['on == true', true],
    ['pid in [1, 42]', true],
    ['comm in ["a", "b"]', false],
    ['time == 5', true],
    ['time < 18446744073709551615', true],
    ['state == "S"', true],
    ['state == 1', true],
    ['state in ["R", "D"]', false],
    ['state in [0, 1]', true],
    ['event.state != 2', true],
    ['!(state == 1 && on)', false],
    ['load > 1.25', true],
    ['peer.port == 443', true],
    ['event.peer.port == 443', true],
    ['event.type == 9', true],
    ['raw == b"\\xab\\xcd"', true],
  ])('%s: %p, also for a query', (text, expected) => {
    expect(accepted(text, [sample()])).toEqual({ closure: [expected], query: expected ? 1 : 0 });
  });

  it.each([
    ['comm.startsWith("no")', true],
    ['comm.endsWith("de") && comm.contains("od")', true],
    ['comm.matches("^n.*e$")', true],
    ['comm.size() == 4', true],
    ['size(raw) == 2', true],
    ['pid + 1 == 43', true],
    ['time * 2 - 1 == 9', true],
    ['pid / 0 == 1', false],
    ['pid % 40 == 2', true],
    ['-nice == 3', true],
    ['cpus[1] == 8', true],
    ['8 in cpus', true],
    ['pid > nice', true],
    ['on ? pid == 42 : false', true],
    ['peer.ip == "10.0.0.1" && comm.startsWith("x")', false],
    ['comm + "!" == "node!"', true],
    ['load * 2.0 == 3.0', true],
  ])('%s: %p, without a query', (text, expected) => {
    expect(accepted(text, [sample()])).toEqual({ closure: [expected] });
  });

  it('looks at each sample anew', () => {
    const samples = [1, 42, 7, 42].map((pid) => sample({ pid }));
    expect(accepted('pid == 42', samples)).toEqual({ closure: [false, true, false, true], query: 2 });
  });

  it('accepts no sample that is too short for its layout', () => {
    expect(accepted('pid == 42 || !on', [sampleBytes(new Uint8Array(12))])).toEqual({
      closure: [false],
      query: 0,
    });
  });

  it.each([
    ['pidd == 3', /there is no field pidd; did you mean pid\?$/],
    ['xyz == 3', /there is no field xyz; there are time, pid, .*type$/],
    ['pid == "x"', /no such overload: int == string$/],
    ['peer.prt == 1', /No such key: prt$/],
    ['state < 2', /enums have no order: compare them by ==, != or in$/],
    ['pid ==', /--filter 'pid ==': /],
    ['pid &', /Unexpected character: &$/],
    ['pid', /the condition is of type int, not bool$/],
    ['comm.matches("(")', /Invalid regular expression/],
    ['comm.matches(comm)', /matches\(\) takes a pattern in quotes$/],
    ['comm.lowerAscii() == "a"', /filters do not have the function lowerAscii\(\)$/],
    ['[1].exists(x, x == pid)', /filters do not have/],
    ['', /--filter ''/],
  ])('refuses %s in one line', (text, message) => {
    let error: unknown;
    try {
      filterOf(text, layout);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
    expect(exitCodeOf(error)).toBe(2);
  });
});
