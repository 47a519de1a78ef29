import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import { png } from '../support/files.js';
import { basic } from '../support/http.js';
import { asForm } from '../support/management.js';
import { CLIENT_SECRET, environment, STORES } from '../support/config.js';
import { cli, kill, serve, serveHere } from '../support/process.js';
import { obtainCode, Visitor } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const management = {
  authorization: basic('gatehouse-cli', CLIENT_SECRET),
};

describe('the log', () => {
  for (const kind of STORES)
    it(`has no value of a statement that failed, and nothing that opens a file, on ${kind} [SEC-R30]`, async function () {
      const env = await environment(kind, { LOG_LEVEL: 'trace' }, 'started');
      const issuer = `http://localhost:${env['PORT']}`;
      const server = await serve(env);
      const store = await openStore(loadConfig(env));
      const token = await fetch(`${issuer}/connect/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'isms.all' }),
        headers: management,
      });
      const { access_token: bearer } = (await token.json()) as { access_token: string };
      const authorization = `Bearer ${bearer}`;
      const call = (path: string, body: unknown): Promise<Response> =>
        fetch(issuer + path, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { authorization, 'content-type': 'application/json' },
        });

      const { bytes, headers } = asForm({ value: png() });
      const uploaded = await fetch(`${issuer}/api/Blob/Image`, {
        method: 'POST',
        body: new Uint8Array(bytes),
        headers: { ...headers, authorization },
      });
      const { data: file } = (await uploaded.json()) as { data: string };
      const name = file.split('/').at(-1) ?? '';
      const { pathname } = new URL(file);
      const encoded = pathname.replace(name, encodeURIComponent(name).replaceAll('.', '%2E'));
      const [random = ''] = name.split('.');
      for (const path of [
        pathname,
        `/${pathname}`,
        pathname.toUpperCase(),
        encoded,
        `/files/x/../${name}`,
        pathname.replace(name, random),
        pathname.replace(name, `x${name}`),
      ])
        await fetch(issuer + path);

      await store.knex.schema.alterTable('users', (table) => table.renameColumn('description', 'gone'));
      const user = {
        userName: 'unmistakable-name',
        nickName: 'Unmistakable Nick',
        email: 'unmistakable@example.com',
        password: 'seven quiet lanterns by the mill',
      };
      assert.equal((await call('/api/User', user)).status, 500);
      const audit = JSON.stringify(await store.knex('audit'));
      await store.close();
      const { stdout, stderr } = await kill(server, 'SIGTERM');
      const said = stdout + stderr;
      assert.match(said, /"level":"error".*"msg":"unexpected"/);
      for (const secret of [...Object.values(user), '$argon2id$', bearer])
        assert.ok(!said.includes(secret), `the log tells ${secret}`);
      for (const told of [said, audit]) {
        assert.ok(!told.toLowerCase().includes(random.toLowerCase()), 'what opens a file');
        assert.ok(told.includes(`${name.slice(0, 6)}…`), 'what operators find it by');
      }
    });

  for (const kind of STORES)
    it(`has one line a request, and no secret of a whole run, on ${kind} [SEC-10] [SEC-50]`, async () => {
      const more = { LOG_LEVEL: 'trace', GATEHOUSE_ADMIN_PASSWORD: 'unmistakable-password-1' };
      const env = await environment(kind, more, 'started'); // with another password: the first start is in the log
      const issuer = `http://localhost:${env['PORT']}`;
      const server = await serve(env);
      const secrets = new Set<string>([
        CLIENT_SECRET,
        'unmistakable-password-1',
        'wrong-password-typed',
        env['GATEHOUSE_MASTER_KEY'] as string,
      ]);
      const remember = (values: Record<string, unknown>): void => {
        for (const name of ['access_token', 'refresh_token', 'id_token', 'device_code', 'user_code'])
          if (typeof values[name] === 'string') secrets.add(values[name]);
      };
      const post = async (
        path: string,
        form: Record<string, string>,
        headers: Record<string, string> = management,
      ): Promise<Record<string, unknown>> => {
        const response = await fetch(issuer + path, {
          method: 'POST',
          body: new URLSearchParams(form),
          headers,
        });
        const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
        remember(body);
        return body;
      };
      const made = await cli(
        [
          'client',
          'create',
          'app',
          '--grant',
          'code',
          'refresh',
          'device',
          '--redirect-uri',
          REDIRECT,
          '--scope',
          'openid',
          'offline_access',
          '--json',
        ],
        env,
      );
      const appSecret = (JSON.parse(made.stdout) as { secret: string }).secret;
      secrets.add(appSecret);
      const visitor = new Visitor(issuer);
      const { code, verifier } = await obtainCode(
        { issuer },
        {
          clientId: 'app',
          redirectUri: REDIRECT,
          scope: 'openid offline_access',
          user: 'admin',
          password: 'unmistakable-password-1',
          visitor,
          more: { login_hint: 'hint@example.com' },
        },
      );
      for (const secret of [
        code,
        verifier,
        ...visitor
          .cookies()
          .filter((name) => !name.startsWith('gatehouse_app'))
          .map((name) => visitor.cookie(name) as string),
      ])
        secrets.add(secret);
      const app = { authorization: basic('app', appSecret) };
      const tokens = await post(
        '/connect/token',
        { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT },
        app,
      );
      const rotated = await post(
        '/connect/token',
        { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) },
        app,
      );
      await post(
        '/connect/token',
        { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) },
        app,
      );
      await post('/connect/introspect', { token: String(rotated['access_token']) }, app);
      await post('/connect/revocation', { token: String(rotated['access_token']) }, app);
      await post('/connect/token', {
        grant_type: 'password',
        username: 'admin',
        password: 'wrong-password-typed',
      });
      await post(
        '/connect/token',
        { grant_type: 'client_credentials' },
        {
          authorization: `Basic ${Buffer.from('gatehouse-cli:unmistakable-wrong-secret').toString('base64')}`,
        },
      );
      secrets.add('unmistakable-wrong-secret');
      await post('/connect/deviceauthorization', { scope: 'openid' }, app);
      await fetch(`${issuer}/connect/userinfo?access_token=unmistakable-query-token`);
      secrets.add('unmistakable-query-token');
      await fetch(`${issuer}/connect/userinfo`, {
        headers: { authorization: `Bearer ${String(rotated['access_token'])}` },
      });

      const { stdout, stderr } = await kill(server, 'SIGTERM');
      for (const secret of secrets)
        assert.ok(!stdout.includes(secret) && !stderr.includes(secret), `the log tells ${secret}`);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const requests = lines.filter(({ msg }) => msg === 'request');
      const password = requests.find(
        ({ outcome, path }) => path === '/connect/token' && outcome === 'invalid_grant',
      );
      assert.equal(password?.['client'], 'app');
      assert.equal(password?.['tenant'], 'Gatehouse');
      assert.equal(password?.['status'], 400);
      assert.equal(typeof password?.['ms'], 'number');
      assert.match(String(password?.['requestId']), /^[\w-]{36}$/);
      assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, requests.length);
    });

  it('names a request as its caller does, and tells the caller', async () => {
    const env = await environment('sqlite', { LOG_LEVEL: 'info' }, 'started');
    const server = await serve(env);
    const url = `http://localhost:${env['PORT']}/livez`;
    assert.equal(
      (await fetch(url, { headers: { 'x-request-id': 'given-by-proxy-1' } })).headers.get('x-request-id'),
      'given-by-proxy-1',
    );
    assert.match(
      (await fetch(url, { headers: { 'x-request-id': 'bad id "quoted"' } })).headers.get(
        'x-request-id',
      ) as string,
      /^[0-9a-f-]{36}$/,
    );
    assert.ok((await kill(server, 'SIGTERM')).stdout.includes('"requestId":"given-by-proxy-1"'));
  });
});

describe('stopping', () => {
  it('lets a request in flight finish, takes no new one, and ends with 0', async () => {
    const env = await environment('sqlite', { LOG_LEVEL: 'info' }, 'started');
    const server = await serve(env);
    const port = Number(env['PORT']);
    const body = 'grant_type=client_credentials&scope=isms.user.get';
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('connect', resolve));
    // Half of the request is there when the signal comes.
    socket.write(
      `POST /connect/token HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: ${management.authorization}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    const stopping = new Promise<void>((resolve) =>
      server.child.stdout?.on('data', () => server.stdout().includes('"stopping"') && resolve()),
    );
    await fetch(`http://localhost:${port}/livez`);
    server.child.kill('SIGTERM');
    await stopping;
    // The port closes a moment later: connections that were made just before still get an answer.
    const isServed = (): Promise<boolean> =>
      fetch(`http://localhost:${port}/livez`).then(
        () => true,
        () => false,
      );
    while (await isServed());
    socket.write(body.slice(10));
    await closed;
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
    assert.match(answer, /"access_token"/);
    assert.equal((await server.finished).code, 0);
  });
});

describe('health', () => {
  it('is live and ready while it serves', async () => {
    const env = await environment('sqlite', {}, 'started');
    const server = await serveHere(env);
    for (const path of ['/livez', '/readyz']) {
      const response = await fetch(`http://localhost:${env['PORT']}${path}`);
      assert.deepEqual([response.status, await response.json()], [200, { status: 'ok' }]);
    }
    await kill(server, 'SIGTERM');
  });
});
