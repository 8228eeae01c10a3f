import { Closers } from '../../../lib/cli/closers';

describe('Closers', () => {
  it('closes in reverse order, runs every step, and throws the first error', async () => {
    const steps: string[] = [];
    const closers = new Closers();
    closers.add(() => steps.push('first opened'));
    closers.add(() => {
      throw new Error('the second failure');
    });
    closers.add(async () => {
      throw new Error('the first failure');
    });
    closers.add(() => steps.push('last opened'));
    await expect(closers.close()).rejects.toThrow('the first failure');
    expect(steps).toEqual(['last opened', 'first opened']);
    await closers.close();
    expect(steps).toHaveLength(2);
  });
});
