import { throwLater } from '../../../lib/input/throw-later';
import { Notices } from '../../../lib/delivery/notices';

jest.mock('../../../lib/input/throw-later', () => ({ throwLater: jest.fn() }));

const nextImmediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Notices', () => {
  it('are called in order after the outermost method', () => {
    const notices = new Notices();
    const told: number[] = [];
    notices.begin();
    notices.add(() => told.push(1));
    notices.begin();
    notices.add(() => told.push(2));
    notices.end();
    expect(told).toEqual([]);
    notices.end();
    expect(told).toEqual([1, 2]);
  });

  it('wait for the next method when none runs', () => {
    const notices = new Notices();
    const told: number[] = [];
    notices.add(() => told.push(1));
    expect(told).toEqual([]);
    notices.begin();
    notices.end();
    expect(told).toEqual([1]);
  });

  it('that a listener causes wait for the event loop, however many', async () => {
    const notices = new Notices();
    let told = 0;
    const again = (): void => {
      told++;
      // Otherwise the event loop would continue after this test, and the process would not end.
      if (told === 3) return;
      notices.begin();
      notices.add(again);
      notices.end();
    };
    notices.begin();
    notices.add(again);
    notices.end();
    expect(told).toBe(1);
    await nextImmediate();
    expect(told).toBe(2);
    await nextImmediate();
    expect(told).toBe(3);
  });

  it('schedule nothing on the event loop when all have been called', () => {
    const notices = new Notices();
    const immediates = jest.spyOn(globalThis, 'setImmediate');
    try {
      notices.begin();
      notices.add(() => undefined);
      notices.end();
      expect(immediates).not.toHaveBeenCalled();
    } finally {
      immediates.mockRestore();
    }
  });

  it('continue after a listener that throws; its error is thrown later', () => {
    const notices = new Notices();
    const told: number[] = [];
    const failure = new Error('of a listener');
    notices.begin();
    notices.add(() => {
      throw failure;
    });
    notices.add(() => told.push(2));
    notices.end();
    expect(told).toEqual([2]);
    expect(throwLater).toHaveBeenCalledWith(failure);
    notices.begin();
    notices.add(() => told.push(3));
    notices.end();
    expect(told).toEqual([2, 3]);
  });
});
