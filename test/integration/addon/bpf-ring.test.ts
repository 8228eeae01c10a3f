import { constants } from 'node:os';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../../../lib/abi/bpf';
import { BAD_ARGUMENT, type BpfMapHandle, type BpfRingHandle } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { RingBufferProducer } from '../../support/ring-buffer-producer';
import { until } from '../../support/until';
import { opened } from './kernel-fixture';

const native = addon();
const page = native.pageSize();
const { EINVAL, ESTALE } = constants.errno;

const createMap = (): BpfMapHandle =>
  opened(native.bpfMapCreate(BPF_MAP_TYPE_RINGBUF, 0, 0, page, 0, 'ring'));

describeWith(['CAP_BPF', 'CAP_NET_ADMIN'], 'BPF ring buffers', () => {
  let map: BpfMapHandle;
  let ring: BpfRingHandle;
  let producer: RingBufferProducer;

  beforeEach(() => {
    map = createMap();
    ring = opened(native.bpfRingMap(map));
    producer = new RingBufferProducer({ fd: native.bpfMapFd(map) });
  });

  afterEach(() => {
    producer[Symbol.dispose]();
    native.bpfRingClose(ring);
    native.bpfMapClose(map);
  });

  it('tell how far they are committed, and take bytes back', () => {
    producer.emit(3);
    expect(native.bpfRingAvailable(ring)).toBe(168);
    expect(native.bpfRingCommitted(ring, 0, 0, 57)).toBe(112);
    expect(native.bpfRingCommitted(ring, 0, 56, 1000)).toBe(112);
    expect(native.bpfRingCommitted(ring, 0, 168, 1000)).toBe(0);
    expect(native.bpfRingCommitted(ring, 8, 0, 1000)).toBe(-ESTALE);
    expect(native.bpfRingConsume(ring, 0, 169)).toBe(-ESTALE);
    expect(native.bpfRingConsume(ring, 8, 56)).toBe(-ESTALE);
    expect(native.bpfRingConsume(ring, 0, 56)).toBe(0);
    expect(native.bpfRingConsumer(ring)).toBe(56);
    expect(native.bpfRingSkipToProducer(ring)).toBe(112);
  });

  it('lie in one ArrayBuffer, in which the data comes twice', () => {
    producer.emit(1);
    const buffer = native.bpfRingBuffer(ring) as ArrayBuffer;
    expect(native.bpfRingBuffer(ring)).toBe(buffer);
    const bytes = Buffer.from(buffer);
    expect(bytes.length).toBe(3 * page);
    expect(bytes.subarray(page, 2 * page).equals(bytes.subarray(2 * page))).toBe(true);
    expect(bytes.readUInt32LE(page)).toBe(44);
  });

  it('are copied into memory that is no mapping', () => {
    producer.emit(2);
    const target = new Uint8Array(3 * page);
    expect(native.bpfRingCopy(ring, 56, 56, target)).toBe(0);
    expect(new DataView(target.buffer).getUint32(page + 56, true)).toBe(44);
    expect(new DataView(target.buffer).getUint32(page, true)).toBe(0);
    const mapped = new Uint8Array(native.bpfRingBuffer(ring) as ArrayBuffer);
    expect(native.bpfRingCopy(ring, 0, 56, mapped)).toBe(BAD_ARGUMENT);
  });

  it('take no other arguments than theirs', () => {
    const other = opened(native.bpfMapCreate(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 'other'));
    expect(native.bpfRingMap(other)).toBe(-EINVAL);
    native.bpfMapClose(other);
    const ask = native as unknown as Record<string, (...given: unknown[]) => unknown>;
    const calls: readonly (readonly [string, ...unknown[]])[] = [
      ['bpfRingMap', ring],
      ['bpfRingMap', null],
      ['bpfRingBuffer', map],
      ['bpfRingAvailable'],
      ['bpfRingConsumer', {}],
      ['bpfRingCommitted', ring, -1, 0, 0],
      ['bpfRingCommitted', ring, 0, -1, 0],
      ['bpfRingCommitted', ring, 0, 0, 0.5],
      ['bpfRingConsume', ring, 0, -1],
      ['bpfRingConsume', ring, -1, 0],
      ['bpfRingSkipToProducer', map],
      ['bpfRingCopy', ring, 0, page + 1, new Uint8Array(3 * page)],
      ['bpfRingCopy', ring, 0, 8, new Uint8Array(8)],
      ['bpfRingClose', map],
    ];
    for (const [name, ...given] of calls) expect([name, ask[name]?.(...given)]).toEqual([name, BAD_ARGUMENT]);
  });

  it('are gone after close, which may be called twice', () => {
    const view = new Uint8Array(native.bpfRingBuffer(ring) as ArrayBuffer);
    const before = native.openHandles().mappings;
    expect([native.bpfRingClose(ring), native.bpfRingClose(ring)]).toEqual([0, 0]);
    expect(view.length).toBe(0);
    expect(native.openHandles().mappings).toBe(before - 1);
    expect(native.bpfRingAvailable(ring)).toBe(BAD_ARGUMENT);
    expect(native.bpfRingBuffer(ring)).toBe(BAD_ARGUMENT);
  });

  it('stay mapped for what took their memory, until that is collected', async () => {
    producer.emit(1);
    const buffer = native.bpfRingBuffer(ring) as ArrayBuffer;
    const before = native.openHandles().mappings;
    const start = (controller: { enqueue(view: Uint8Array): void }): void =>
      controller.enqueue(new Uint8Array(buffer));
    let taken = (await new ReadableStream({ type: 'bytes', start }).getReader().read()).value as
      | Uint8Array
      | undefined;
    if (taken === undefined) throw new Error('the stream gave nothing');
    native.bpfRingClose(ring);
    expect([taken.length, taken[page]]).toEqual([3 * page, 44]);
    expect(native.openHandles().mappings).toBe(before);
    taken = undefined;
  });

  it('wake a poller for each time that the kernel wakes, and never for what is left unread', async () => {
    let wakes = 0;
    const poller = opened(native.pollerOpen(() => void wakes++));
    expect(native.pollerAdd(poller, map, 0)).toBe(0);
    await until(() => wakes === 1, 'the wake after it was added');
    producer.emit(1);
    await until(() => wakes === 2, 'a wake by the record at consumer_pos');
    // The records behind it do not wake.
    producer.emit(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(wakes).toBe(2);
    expect(native.pollerRemove(poller, map)).toBe(0);
    native.bpfRingSkipToProducer(ring);
    producer.emit(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(wakes).toBe(2);
    native.pollerClose(poller);
  });

  afterAll(expectNothingLeft);
});
