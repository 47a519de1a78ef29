import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { send } from '../support/http.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, Visitor } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setImmediate(resolve));
}

describe('too many requests', () => {
  let server: TestServer;
  let secret: string;

  const start = async (limits: Record<string, unknown>): Promise<void> => {
    server = await startServer('sqlite', {}, { limits: { windowSeconds: 3600, ...limits } });
    secret = await server.addClient('machine', {
      grantTypes: [GRANT_TYPES.clientCredentials],
      scopes: ['isms.user.get'],
    });
    await server.addClient('app', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: [APP],
      scopes: ['openid'],
      tokenEndpointAuthMethod: 'none',
    });
  };
  afterEach(() => server.stop());

  const token = (password = secret): Promise<Answer> =>
    server.post('/connect/token', { grant_type: 'client_credentials' }, server.basic('machine', password));
  const isRefused = ({ status, headers }: { status: number; headers: Headers }, quota: number): void => {
    assert.equal(status, 429);
    assert.ok(Number(headers.get('retry-after')) > 0);
    assert.match(headers.get('ratelimit') ?? '', /^"address";r=0;t=\d+$/);
    assert.equal(headers.get('ratelimit-policy'), `"address";q=${quota};w=3600`);
  };

  it('are refused at the token endpoint, with when to come back [SEC-52]', async () => {
    await start({ token: { address: 3 } });
    for (let n = 0; n < 3; n++) assert.equal((await token()).status, 200);
    const refused = await token();
    isRefused(refused, 3);
    assert.equal(refused.body['error'], 'too_many_requests');
  });

  it('are refused at introspection [SEC-52]', async () => {
    await start({ introspection: { address: 2 } });
    const ask = (): Promise<Answer> =>
      server.post('/connect/introspect', { token: 'x' }, server.basic('machine', secret));
    for (let n = 0; n < 2; n++) assert.equal((await ask()).status, 200);
    isRefused(await ask(), 2);
  });

  it('are refused at the authorization endpoint, with a page [SEC-52]', async () => {
    await start({ authorize: { address: 2 } });
    const visitor = new Visitor(server.issuer);
    const path = authorizePath({ client_id: 'app', redirect_uri: APP, prompt: 'none' });
    for (let n = 0; n < 2; n++) await visitor.go(path);
    const page = await visitor.go(path);
    isRefused(page, 2);
    assert.match(page.html, /One moment, please/);
  });

  it('are refused where user codes are entered [SEC-52]', async () => {
    await start({ userCode: { address: 2 } });
    const visitor = new Visitor(server.issuer);
    const guess = async (): Promise<{ status: number; headers: Headers }> =>
      visitor.submit(await visitor.go('/device'), '/device', { user_code: 'BCDF-GHJK' });
    for (let n = 0; n < 2; n++) assert.notEqual((await guess()).status, 429);
    isRefused(await guess(), 2);
  });

  it('are refused at sign-in, on the page itself [SEC-52]', async () => {
    await start({ signIn: { address: 2 } });
    const visitor = new Visitor(server.issuer);
    let page = await visitor.go(authorizePath({ client_id: 'app', redirect_uri: APP }));
    for (let n = 0; n < 2; n++) {
      page = await visitor.submit(page, '/sign-in', { login: 'x', password: 'y' });
      assert.equal(page.status, 401);
    }
    page = await visitor.submit(page, '/sign-in', { login: 'x', password: 'y' });
    isRefused(page, 2);
    assert.ok(page.html.includes('/sign-in?'));
  });

  it('of a client are counted only when it has proved who it is', async () => {
    await start({ token: { client: 2 } });
    for (let n = 0; n < 5; n++) assert.equal((await token('wrong')).status, 401);
    for (let n = 0; n < 2; n++) assert.equal((await token()).status, 200);
    const refused = await token();
    assert.equal(refused.status, 429);
    assert.deepEqual(
      [refused.body['error'], refused.headers.get('retry-after') !== null],
      ['too_many_requests', true],
    );
  });

  describe('that sign people in at the token endpoint', () => {
    /** Six of them: their statuses, and which number each was too many for. */
    const signIn = async (
      settings: { signInRate?: number } = {},
    ): Promise<{ statuses: number[]; quotas: string[] }> => {
      await start({ token: { address: 2 }, signIn: { address: 3 } });
      await server.addUser({ userName: 'alice' });
      const own = await server.addClient('trusted', {
        grantTypes: [GRANT_TYPES.password],
        scopes: ['isms.user.get'],
        ...settings,
      });
      const form = { grant_type: 'password', username: 'alice', password: 'wrong' };
      const statuses: number[] = [];
      const quotas: string[] = [];
      for (let n = 0; n < 6; n++) {
        const { status, headers } = await server.post('/connect/token', form, server.basic('trusted', own));
        statuses.push(status);
        quotas.push(/q=\d+/.exec(headers.get('ratelimit-policy') ?? '')?.[0] ?? '');
      }
      return { statuses, quotas };
    };

    it('count as sign-ins, and not as token requests [SEC-R24]', async () => {
      assert.deepEqual((await signIn()).statuses, [400, 400, 400, 429, 429, 429]);
    });

    it('count for the client where it has a number of its own [SEC-R24]', async () => {
      assert.deepEqual((await signIn({ signInRate: 5 })).statuses, [400, 400, 400, 400, 400, 429]);
    });

    it('count as token requests where they are refused, so that their number has an end [SEC-R24]', async () => {
      assert.deepEqual((await signIn()).quotas, ['', '', '', 'q=3', 'q=3', 'q=2']);
      assert.equal((await token()).status, 429);
    });
  });

  it('of one tenant leave another served [SEC-X9]', async () => {
    await start({ token: { tenant: 2 } });
    const blue = await server.addTenant('blue', `blue.localhost:${server.port}`);
    const blueSecret = await server.addClient(
      'job',
      { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['isms.user.get'] },
      blue,
    );
    for (let n = 0; n < 5; n++) await token();
    assert.equal((await token()).status, 429);
    const heard = await send(new URL('/connect/token', blue.issuer), {
      form: { grant_type: 'client_credentials' },
      headers: server.basic('job', blueSecret),
    });
    assert.equal(heard.status, 200);
  });
});

describe('a server under siege', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer(
      'sqlite',
      {},
      {
        server: { headersTimeoutSeconds: 1, requestTimeoutSeconds: 2, maxInFlight: 50 },
        limits: { pages: { tenant: 1e9, address: 1e9 } }, // it is asked as often as it answers
      },
    );
  });
  after(() => server.stop());

  const discovery = async (): Promise<number> =>
    (await fetch(`${server.issuer}/.well-known/openid-configuration`)).status;

  for (const [what, beginning] of [
    ['headers', 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    [
      'a body',
      'POST /connect/token HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ng',
    ],
  ] as const)
    it(`serves others while 500 connections take their time with ${what}, and ends those [SEC-X8]`, async () => {
      const sockets: Socket[] = [];
      let closed = 0;
      const text = beginning.replace('HOST', new URL(server.issuer).host);
      await Promise.all(
        Array.from(
          { length: 500 },
          () =>
            new Promise<void>((resolve) => {
              const socket = connect(server.port, '127.0.0.1', () => socket.write(text, () => resolve()));
              socket.on('error', () => undefined).on('close', () => (closed += 1));
              socket.resume();
              sockets.push(socket);
            }),
        ),
      );
      await until(async () => {
        // Bodies fill the places of requests in work; whoever comes then is told to come again.
        const status = await discovery();
        assert.ok(status === 200 || status === 503);
        return closed === sockets.length;
      });
      assert.equal(await discovery(), 200);
    });

  it('tells whoever is one too many at once to come again', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () =>
        send(new URL('/connect/token', server.issuer), { form: { grant_type: 'password', client_id: 'x' } }),
      ),
    );
    const refused = answers.filter(({ status }) => status === 503);
    for (const { headers } of refused) assert.equal(headers.get('retry-after'), '1');
    assert.equal(await discovery(), 200);
  });

  for (const path of ['/connect/token', '/connect/par', '/connect/introspect', '/connect/revocation'])
    it(`reads no body of more than 64 KiB at ${path}`, async () => {
      const heard = await send(new URL(path, server.issuer), {
        form: { grant_type: 'client_credentials', padding: 'x'.repeat(70_000) },
      });
      assert.equal(heard.status, 400);
    });
});
