import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

const OWN = { tgid: process.pid };
const EINPROGRESS = 115;

/** Connects to a server of this process. @returns the ports of both ends */
async function connection(host: string): Promise<{ readonly server: number; readonly client: number }> {
  const server = createServer((socket) => socket.end());
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, host);
  client.resume();
  await once(client, 'connect');
  const { localPort = 0 } = client;
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  return { server: port, client: localPort };
}

describeWith(READER_CAPABILITIES, 'the programs of connections', () => {
  it.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ] as const)('connect tells address and port over %s', async (family, host) => {
    let ports = { server: 0, client: 0 };
    const samples = await builtinSamples('connect', OWN, async () => {
      ports = await connection(host);
    });
    expect(samples).toHaveLength(1);
    expect(samples[0]).toMatchObject({ program: 'connect', family, address: host, port: ports.server });
    expect([0, -EINPROGRESS]).toContain(samples[0]?.ret);
    expect(samples[0]?.fd).toBeGreaterThan(2);
  });

  it.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ] as const)('accept tells both ends over %s, which the caller did not ask for', async (family, host) => {
    let ports = { server: 0, client: 0 };
    const samples = await builtinSamples('accept', OWN, async () => {
      ports = await connection(host);
    });
    expect(samples).toHaveLength(1);
    expect(samples[0]).toMatchObject({
      program: 'accept',
      family,
      address: host,
      port: ports.client,
      local_port: ports.server,
    });
    expect(samples[0]?.ret).toBeGreaterThan(2);
  });

  it('accept shows an IPv4 client of an IPv6 socket as IPv4', async () => {
    const samples = await builtinSamples('accept', OWN, async () => {
      const server = createServer((socket) => socket.end()).listen(0, '::');
      await once(server, 'listening');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
      await once(client, 'close');
      server.close();
      await once(server, 'close');
    });
    expect(samples.map(({ family, address }) => [family, address])).toEqual([['IPv6', '127.0.0.1']]);
  });

  it('sample no sockets of other families', async () => {
    const path = `\0perfring-${process.pid}`;
    const run = async (): Promise<void> => {
      const server = createServer((socket) => socket.end()).listen(path);
      await once(server, 'listening');
      const client = connect(path).resume();
      await once(client, 'close');
      server.close();
      await once(server, 'close');
    };
    expect(await builtinSamples('connect', OWN, run)).toEqual([]);
    expect(await builtinSamples('accept', OWN, run)).toEqual([]);
  });
});
