import { attemptAll } from '../../../lib/input/attempt-all';

describe('attemptAll', () => {
  it('runs every step, then throws the first error', () => {
    const tried: number[] = [];
    const step =
      (number: number, fails = false) =>
      (): void => {
        tried.push(number);
        if (fails) throw new Error(`step ${number}`);
      };
    expect(() => attemptAll([step(1), step(2, true), step(3), step(4, true)])).toThrow('step 2');
    expect(tried).toEqual([1, 2, 3, 4]);
  });

  it('throws what was thrown, whatever it is', () => {
    let thrown: unknown = 'nothing';
    try {
      attemptAll([
        () => {
          throw undefined;
        },
      ]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeUndefined();
  });

  it('throws nothing when no step fails', () => {
    expect(() => attemptAll([() => undefined])).not.toThrow();
    expect(() => attemptAll([])).not.toThrow();
  });
});
