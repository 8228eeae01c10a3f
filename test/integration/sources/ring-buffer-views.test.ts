import { decoderFor } from '../../../lib/layout/sample-decoder';
import { viewFor } from '../../../lib/layout/event-view';
import { defineLayout } from '../../../lib/layout/sample-layout';
import { defineUnion } from '../../../lib/layout/union-layout';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferScene } from '../../support/ring-buffer-scene';

afterAll(expectNothingLeft);

/** The program writes its sequence number, a u64, and zeroes up to `size` bytes. */
describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'Typed events of a RingBufferReader', () => {
  it('are iterated batch by batch, and written as JSON with 64-bit integers as text', async () => {
    using s = new RingBufferScene({ size: 12 });
    const view = viewFor(defineLayout({ number: 'u64', flags: 'u32' }));
    s.producer.emit(3);
    const lines: string[] = [];
    for await (const batch of s.reader) {
      for (const event of view.each(batch)) lines.push(JSON.stringify(event));
      break;
    }
    expect(lines).toEqual([0, 1, 2].map((number) => `{"number":"${number}","flags":0}`));
  });

  it('that are too short are counted and marked, and the others come', () => {
    using s = new RingBufferScene({ size: 12 }, { wakeup: 'manual' });
    const longer = viewFor(defineLayout({ number: 'u64', more: 'u64' }));
    const fitting = viewFor(defineLayout({ number: 'u64', flags: 'u32' }));
    s.producer.emit(5);
    const marks: unknown[] = [];
    s.reader.drain((record) => marks.push([longer(record), fitting(record)?.number]));
    expect(marks).toEqual([0n, 1n, 2n, 3n, 4n].map((number) => [null, number]));
    expect([longer.unfit, fitting.unfit]).toEqual([5, 0]);
  });

  it('of unknown types are counted and delivered raw', () => {
    using s = new RingBufferScene({ size: 12 }, { wakeup: 'manual' });
    const layout = defineLayout({ number: 'u64' });
    const view = viewFor(
      defineUnion({ kind: 'u64', offset: 0 }, { first: { value: 0, layout }, third: { value: 2n, layout } }),
    );
    s.producer.emit(4);
    const seen: unknown[] = [];
    s.reader.drain((record) => {
      const event = view(record);
      seen.push(event?.type === undefined ? [event?.tag, event?.bytes.length] : event.type);
    });
    expect(seen).toEqual(['first', [1n, 12], 'third', [3n, 12]]);
    expect([view.unknown, view.unfit]).toEqual([2, 0]);
  });

  it('have exactly the bytes that the program wrote, so a field of variable length ends there', () => {
    using s = new RingBufferScene({ size: 13 }, { wakeup: 'manual' });
    const decode = decoderFor(defineLayout({ length: 'u8', rest: 'bytes[length]' }));
    s.producer.emit(13);
    const lengths: unknown[] = [];
    s.reader.drain((record) => {
      const value = record.u8(0) <= 12 ? decode(record) : undefined;
      lengths.push(value?.rest.length);
    });
    expect(lengths).toEqual(Array.from({ length: 13 }, (_, i) => i));
  });
});
