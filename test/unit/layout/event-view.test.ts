import { inspect } from 'node:util';
import { type EventViews, viewFor } from '../../../lib/layout/event-view';
import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout, type SampleLayout } from '../../../lib/layout/sample-layout';
import { defineUnion } from '../../../lib/layout/union-layout';
import { OwnedRecord } from '../../../lib/records/owned-record';
import type { RecordPayload, RingRecord } from '../../../lib/records/record';
import { withoutCodeFromStrings } from '../../support/code-from-strings';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

const ADDRESS = defineLayout({ ip: 'ipv4', port: 'u16be' });
const LAYOUT = defineLayout({
  time: 'u64',
  pid: 'u32',
  kind: { enum: { EXEC: 1, EXIT: 2 } },
  comm: 'char[16]',
  peer: ADDRESS,
  raw: 'bytes[3]',
  ok: 'bool',
  words: 'u16[2]',
});

function payload(pid: number): Buffer {
  const bytes = Buffer.alloc(LAYOUT.size);
  bytes.writeBigUInt64LE(5_000_000_000n, 0);
  bytes.writeUInt32LE(pid, 8);
  bytes.writeUInt32LE(2, 12);
  bytes.write('node', 16);
  bytes.set([10, 0, 0, 1, 0x1f, 0x90], 32);
  bytes.set([0xaa, 0xbb, 0xcc, 1, 7, 0, 8, 0], 40);
  return bytes;
}

const OBJECT = (pid: number) => ({
  time: 5_000_000_000n,
  pid,
  kind: 'EXIT',
  comm: 'node',
  peer: { ip: '10.0.0.1', port: 8080 },
  raw: Uint8Array.of(0xaa, 0xbb, 0xcc),
  ok: true,
  words: Uint16Array.of(7, 8),
});

/** Visits records with these payloads. */
function visit(payloads: readonly Uint8Array[], visitor: (record: RecordPayload) => void): void {
  const made = new RingFixture({});
  for (const bytes of payloads) made.publish(sampleBytes(bytes));
  made.ring.startReadBatch();
  made.ring.visit((record) => visitor(record));
}

const WAYS: readonly [string, <Values>(layout: SampleLayout<Values>) => EventViews<Values>][] = [
  ['made from strings', viewFor],
  ['of closures', (layout) => withoutCodeFromStrings(() => viewFor(layout))],
];

describe.each(WAYS)('viewFor, %s', (_way, viewOf) => {
  it('reads its current record, and then the next one', () => {
    const view = viewOf(LAYOUT);
    const seen: unknown[] = [];
    visit([payload(1), payload(2)], (record) => {
      const event = view(record);
      if (event === null) return;
      seen.push([event.time, event.pid, event.kind, event.comm, event.peer.ip, event.peer.port]);
      seen.push([event.raw, event.ok, event.words]);
    });
    const of = (pid: number) => Object.values(OBJECT(pid));
    expect(seen).toEqual(
      [1, 2].flatMap((pid) => {
        const [time, id, kind, comm, , raw, ok, words] = of(pid);
        return [
          [time, id, kind, comm, '10.0.0.1', 8080],
          [raw, ok, words],
        ];
      }),
    );
  });

  it('is one object for all records, and copies on demand', () => {
    const view = viewOf(LAYOUT);
    const views = new Set<unknown>();
    const kept: unknown[] = [];
    visit([payload(1), payload(2)], (record) => {
      const event = view(record);
      views.add(event);
      kept.push(event?.toObject());
    });
    expect(views.size).toBe(1);
    expect(kept).toEqual([OBJECT(1), OBJECT(2)]);
  });

  it('becomes JSON, and is shown with its values', () => {
    const view = viewOf(LAYOUT);
    visit([payload(1)], (record) => {
      const event = view(record);
      expect(JSON.parse(JSON.stringify(event))).toEqual({
        ...OBJECT(1),
        time: '5000000000',
        raw: 'aabbcc',
        words: [7, 8],
      });
      expect(inspect(event)).toContain("comm: 'node'");
    });
  });

  it('counts records that do not fit, and has no view of them', () => {
    const view = viewOf(LAYOUT);
    const seen: unknown[] = [];
    visit([payload(1).subarray(0, 20), payload(2)], (record) => seen.push(view(record)?.pid));
    expect(seen).toEqual([undefined, 2]);
    expect([view.unfit, view.unknown]).toEqual([1, 0]);
  });

  it('reads the records of a list one by one, and leaves out those that do not fit', () => {
    const view = viewOf(LAYOUT);
    const records: OwnedRecord[] = [];
    visit([payload(1), payload(2).subarray(0, 8), payload(3)], (record) => {
      records.push(new OwnedRecord(record as RingRecord));
    });
    expect(Array.from(view.each(records), (event) => event.pid)).toEqual([1, 3]);
    expect(view.unfit).toBe(1);
    for (const none of [undefined, 7, {}]) {
      expect(() => view.each(none as never)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT' }),
      );
    }
  });

  it('cannot be read after its record', () => {
    const view = viewOf(LAYOUT);
    let kept: { readonly pid: number } | null = null;
    visit([payload(1)], (record) => {
      kept = view(record);
    });
    expect(() => kept?.pid).toThrow(expect.objectContaining({ code: 'ERR_PERF_OUT_OF_RANGE' }));
  });

  it('has the elements that the length says, without the padding of the kernel', () => {
    const view = viewOf(defineLayout({ length: 'u8', text: 'char[length]' }));
    const seen: unknown[] = [];
    const counted = [Buffer.from('\x05hello, world'), Buffer.from('\0'), Buffer.from('\x63no')];
    visit(counted, (record) => seen.push(view(record)?.text));
    expect(seen).toEqual(['hello', '', undefined]);
    expect(view.unfit).toBe(1);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an object of a large size', { size: 400 }],
    ['a collection', new Map()],
  ])('refuses %s, which is no record', (_what, value) => {
    const view = viewOf(LAYOUT);
    expect(() => view(value as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: expect.stringMatching(/a view takes a record/),
      }),
    );
  });

  it.each(['toObject', 'toJSON', 'constructor'])('refuses a field named %s', (name) => {
    const layout = defineLayout([{ name, kind: 'u8' }]);
    expect(() => viewOf(layout)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: `a view can't have a field ${name}: rename it in the layout`,
      }),
    );
  });

  it('takes any other name as what it is', () => {
    const names = ['a"b', 'c\\d', `\${e}`, "'); throw 1; //", '\u2028', 'valueOf', 'type'];
    const layout = defineLayout(names.map((name) => ({ name, kind: 'u8' as const })));
    const view = viewOf(layout) as unknown as EventViews<Record<string, number>>;
    visit([Buffer.from([1, 2, 3, 4, 5, 6, 7])], (record) => {
      const event = view(record);
      expect(names.map((name) => event?.[name])).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(Object.keys(decoderFor(layout)(record))).toEqual(names);
    });
  });
});

describe('viewFor a union', () => {
  const exec = defineLayout({ tag: 'u32', pid: 'u32', type: 'u32' });
  const exit = defineLayout({ tag: 'u32', code: 'i32' });
  const union = defineUnion(
    { kind: 'i32', offset: 0 },
    { exec: { value: 1, layout: exec }, exit: { value: -1, layout: exit } },
  );
  const words = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);

  it('has the name of the type, by which its fields are told apart', () => {
    const view = viewFor(union);
    const seen: unknown[] = [];
    visit([words(1, 42, 9), words(-1, -7), words(3, 0)], (record) => {
      const event = view(record);
      switch (event?.type) {
        case 'exec':
          seen.push(['exec', event.pid]);
          break;
        case 'exit':
          seen.push(['exit', event.code]);
          break;
        case undefined:
          seen.push([event?.tag, event?.bytes]);
      }
    });
    expect(seen).toEqual([
      ['exec', 42],
      ['exit', -7],
      [3, new Uint8Array(Buffer.concat([words(3, 0), Buffer.alloc(4)]))],
    ]);
    expect([view.unfit, view.unknown]).toEqual([0, 1]);
  });

  it('has the name in objects and in JSON too, in place of a field named type', () => {
    const view = viewFor(union);
    const seen: unknown[] = [];
    visit([words(1, 42, 9), words(3)], (record) => {
      seen.push(view(record)?.toObject(), JSON.parse(JSON.stringify(view(record))));
    });
    expect(seen).toEqual([
      { tag: 1, pid: 42, type: 'exec' },
      { tag: 1, pid: 42, type: 'exec' },
      { type: undefined, tag: 3, bytes: Uint8Array.of(3, 0, 0, 0) },
      { tag: 3, bytes: '03000000' },
    ]);
  });

  it('counts what is too short for the type it says it is', () => {
    const view = viewFor(union);
    visit([words(1)], (record) => expect(view(record)).toBeNull());
    expect(view.unfit).toBe(1);
  });
});
