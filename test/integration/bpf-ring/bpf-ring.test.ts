import { Worker } from 'node:worker_threads';
import { addon } from '../../../lib/addon/load';
import { RingBufferMap } from '../../../lib/bpf/ring-buffer-map';
import { RingBufferStorage } from '../../../lib/sources/ring-buffer-storage';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { opened } from '../addon/kernel-fixture';

const native = addon();
const { PERFRING_SWITCH_MILLISECONDS } = process.env;
/** Far longer than a wake takes. A record that is unread after it did not wake. In milliseconds. */
const STRANDED_MILLISECONDS = 500;
/** How long to switch. In 100 seconds there are more than a million switches. */
const MILLISECONDS = Number(PERFRING_SWITCH_MILLISECONDS ?? 3000);

afterAll(expectNothingLeft);

describeWith(['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], 'BpfRing, without a timer', () => {
  it(
    'strands no record when waking is turned off and on for each batch',
    async () => {
      using map = RingBufferMap.create({ capacityBytes: 1024 * 1024 });
      const storage = new RingBufferStorage(native, map);
      const { ring } = storage;
      let wakeUp = (): void => undefined;
      const poller = opened(native.pollerOpen(() => wakeUp()));
      expect(native.pollerAdd(poller, map.handle, 0)).toBe(0);
      const worker = new Worker(require.resolve('../../support/ring-buffer-flood.cjs'), {
        workerData: { mapId: map.info.id, milliseconds: MILLISECONDS, singles: true },
      });
      let total = Number.POSITIVE_INFINITY;
      worker.once('message', (count: number) => {
        total = count;
        wakeUp();
      });
      const counts = { switches: 0, waits: 0, stranded: 0, wrong: 0 };
      let last = -1;
      let received = 0;
      while (received < total) {
        ring.keepLast(true);
        ring.beginBatch();
        received += ring.visit(
          (record) => {
            const number = record.u64AsNumber(0);
            if (number <= last) counts.wrong++;
            last = number;
          },
          () => undefined,
          1000,
        );
        ring.finishBatch();
        ring.keepLast(false);
        counts.switches++;
        if (ring.isReady() || received >= total) continue;
        counts.waits++;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            if (ring.isReady()) counts.stranded++;
            resolve();
          }, STRANDED_MILLISECONDS);
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      await new Promise((resolve) => worker.once('exit', resolve));
      native.pollerClose(poller);
      storage.close();
      expect(counts).toMatchObject({ stranded: 0, wrong: 0 });
      expect([received, counts.waits > 1000]).toEqual([total, true]);
    },
    MILLISECONDS + 60_000,
  );
});
