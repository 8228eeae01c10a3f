import { load } from '../../../lib/register/register-hooks';

describe('the hooks of perfring/register', () => {
  const passedOn = { format: 'module', source: 'passed on', shortCircuit: true };
  const nextLoad = jest.fn(async () => passedOn);

  it('make a module of a BPF object, whatever its path', async () => {
    const { format, source } = await load(`file:///tmp/a%20'b"/exec.bpf.o`, {}, nextLoad);
    expect(format).toBe('module');
    expect(source).toMatch(
      /^import perfring from "file:.*\/perfring\.js"; export default perfring\.readTypedObject\(/,
    );
    expect(source).toContain(JSON.stringify(`/tmp/a 'b"/exec.bpf.o`));
    expect(nextLoad).not.toHaveBeenCalled();
  });

  it.each(['file:///tmp/exec.js', 'file:///tmp/exec.o', 'node:fs', 'https://host/exec.bpf.o'])(
    'pass on %s',
    async (url) => {
      expect(await load(url, {}, nextLoad)).toBe(passedOn);
    },
  );
});
