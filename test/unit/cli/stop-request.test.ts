import { StopRequest } from '../../../lib/cli/stop-request';

describe('StopRequest', () => {
  const stop = (): StopRequest => {
    const request = new StopRequest();
    request.listen();
    return request;
  };
  let request: StopRequest;
  let exit: jest.SpiedFunction<typeof process.exit>;
  beforeEach(() => {
    request = stop();
    exit = jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  });
  afterEach(() => {
    request.close();
    exit.mockRestore();
  });

  it('resolves with its first reason', async () => {
    request.request('count');
    request.request('duration');
    expect(await request.requested).toBe('count');
  });

  it('comes after a while', async () => {
    request.after(1);
    expect(await request.requested).toBe('duration');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('comes by %s', async (signal) => {
    process.emit(signal, signal);
    expect(await request.requested).toBe('signal');
    await request.signalled;
    expect(exit).not.toHaveBeenCalled();
  });

  it('reports a signal also after another reason', async () => {
    request.request('duration');
    process.emit('SIGINT', 'SIGINT');
    await request.signalled;
    expect(await request.requested).toBe('duration');
    expect(exit).not.toHaveBeenCalled();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends the process at once at the second signal, %s by %d', (signal, code) => {
    process.emit('SIGINT', 'SIGINT');
    process.emit(signal, signal);
    expect(exit).toHaveBeenCalledWith(code);
  });

  it('restores the default effect of signals when it is closed', () => {
    request.close();
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });
});
