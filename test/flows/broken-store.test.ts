import assert from 'node:assert/strict';
import type { AnyOperation } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import { MQTT_API } from '../../src/mqtt/index.js';
import { ROUTES } from '../../src/oidc/routes.js';
import { CLIENT_SECRET, configFor, type StoreKind } from '../support/config.js';
import { APP, APP_SECRET, deviceApi } from '../support/devices.js';
import { EXAMPLES } from '../support/examples.js';
import { basic, bodyOf, send, type Heard, type Said } from '../support/http.js';
import { clientToken, type Example } from '../support/management.js';
import { overTcp, ownPostgres, type OwnPostgres } from '../support/postgres.js';
import { breakableProxy, type BreakableProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

const LIMITS = { store: { poolSize: 4, waitSeconds: 2, connectSeconds: 1, statementSeconds: 1 } };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Each try ends within a second and a half, by the limits. */
const RECOVERY_TRIES = 3;

async function succeedsWithin(tries: number, work: () => Promise<boolean>): Promise<boolean> {
  for (let n = 0; n < tries; n += 1) if (await work()) return true;
  return false;
}

interface Broken {
  server: TestServer;
  proxy: BreakableProxy;
  ask(path: string, said?: Said): Promise<Heard>;
}

/** A server on PostgreSQL behind a proxy that can be broken. */
async function behindProxy(file: Record<string, unknown> = LIMITS): Promise<Broken> {
  const { databaseUrl = '' } = await configFor('postgres', {}, {}, 'started');
  const database = overTcp(databaseUrl);
  const proxy = await breakableProxy(Number(database.port));
  database.port = String(proxy.port);
  const server = await startServer('postgres', { DATABASE_URL: String(database) }, file);
  return { server, proxy, ask: (path, said) => send(new URL(path, server.issuer), said) };
}

async function end({ server, proxy }: Broken): Promise<void> {
  proxy.mend();
  await server.stop();
  proxy.close();
}

/** An authorization request that begins a sign-in. */
const REQUEST = {
  client_id: 'app',
  scope: 'openid',
  response_type: 'code',
  redirect_uri: 'https://app.example.com/callback',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
};

const ERROR_503 = { status: 503, retry: '5' };
const shortly = ({ status, headers }: Heard): { status: number; retry: string | null } => ({
  status,
  retry: headers.get('retry-after'),
});

/** What a sign-in begins with: it writes. */
const begin = ({ ask }: Pick<Broken, 'ask'>): Promise<Heard> =>
  ask(`${ROUTES.authorization}?${String(new URLSearchParams(REQUEST))}`);

/** Whether it has begun, and what is said where it has not: to the browser, or to the application (RFC 6749, 4.1.2.1). */
const outcomeOf = (answer: Heard): string => {
  if (answer.status === 503) return `temporarily_unavailable, ${answer.headers.get('retry-after')}`;
  const location = new URL(answer.headers.get('location') ?? '', 'http://localhost');
  return location.searchParams.get('error') ?? location.pathname.split('/')[1] ?? '';
};
const BEGUN = 'interaction';
const REFUSED = /^temporarily_unavailable(, 5)?$/;

const addApp = (server: TestServer): Promise<string> =>
  server.addClient('app', {
    grantTypes: ['authorization_code'],
    redirectUris: [REQUEST.redirect_uri],
    scopes: ['openid'],
  });

describe('a store that is down', () => {
  let broken: Broken;
  let token: string;
  let secret: string;
  let interaction: string;
  let cookie: string;

  before(async () => {
    broken = await behindProxy({ ...LIMITS, limits: { enabled: false } });
    await deviceApi(broken.server);
    secret = await addApp(broken.server);
    token = await clientToken(broken.server, ['isms.all']);
    assert.equal((await broken.ask('/')).status, 200); // the tenant is known from here on
    await new Visitor(broken.server.issuer).go('/account'); // and so is the application of these pages
    const authorize = await begin(broken);
    interaction = authorize.headers.get('location') as string;
    cookie = authorize.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    broken.proxy.refuse();
  });
  after(() => end(broken));

  const requestOf = ({ id, method, path, stream }: AnyOperation): Parameters<Broken['ask']> => {
    const given = EXAMPLES[id] ?? {};
    const { params = {}, query = {}, body }: Example = typeof given === 'function' ? {} : given;
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? 'x'));
    const search = String(new URLSearchParams(query));
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && JSON_TYPE) };
    const text = stream ? '' : JSON.stringify(body);
    return [`${filled}${search && `?${search}`}`, { method, headers, ...(text && { body: text }) }];
  };

  for (const operation of OPERATIONS.filter(({ access }) => access.kind !== 'open'))
    it(`makes ${operation.id} answer 503 in the envelope [SEC-R35]`, async () => {
      const answer = await broken.ask(...requestOf(operation));
      assert.deepEqual(shortly(answer), ERROR_503, answer.text);
      assert.equal((JSON.parse(answer.text) as { code: number }).code, 503);
    });

  it('makes every other operation answer in the envelope, and none 500', async () => {
    for (const operation of OPERATIONS.filter(({ access }) => access.kind === 'open')) {
      const answer = await broken.ask(...requestOf(operation));
      assert.notEqual(answer.status, 500, operation.id);
      if (answer.status === 503) assert.deepEqual(shortly(answer), ERROR_503, operation.id);
    }
  });

  const DOCUMENTS: readonly string[] = [ROUTES.jwks];
  for (const [name, path] of Object.entries(ROUTES).filter(([, path]) => !DOCUMENTS.includes(path)))
    for (const method of ['GET', 'POST'])
      it(`makes ${method} of ${name} say temporarily_unavailable, if it needs the store`, async () => {
        const form = { grant_type: 'client_credentials', token, ...REQUEST };
        const headers = {
          ...(name === 'registration' || name === 'userinfo'
            ? { authorization: `Bearer ${token}` }
            : name.includes('authorization') || name === 'code_verification'
              ? {}
              : { authorization: basic('gatehouse-cli', CLIENT_SECRET) }),
        };
        const answer = await broken.ask(
          method === 'GET' ? `${path}?${String(new URLSearchParams(form))}` : path,
          { method, headers, ...(method === 'POST' && { form }) },
        );
        assert.notEqual(answer.status, 500, answer.text);
        if (answer.status !== 503) return assert.ok(answer.status < 500, answer.text);
        assert.equal(answer.headers.get('retry-after'), '5');
        assert.equal((JSON.parse(answer.text) as { error: string }).error, 'temporarily_unavailable');
      });

  it('makes the token endpoint answer 503 in OAuth’s words [SEC-R35]', async () => {
    const answer = await broken.ask(ROUTES.token, {
      headers: { authorization: basic('app', secret) },
      form: { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://app.example.com/callback' },
    });
    assert.deepEqual(shortly(answer), ERROR_503, answer.text);
    assert.deepEqual(JSON.parse(answer.text), {
      error: 'temporarily_unavailable',
      error_description: 'the store does not answer now; try again',
    });
  });

  for (const [language, title] of [
    ['en', 'One moment, please'],
    ['zh-CN', '请稍候'],
  ] as const)
    for (const path of ['/interaction', `${ROUTES.authorization}?client_id=nobody`, '/unknown-host'])
      it(`is a page in ${language} at ${path.split('?')[0]}`, async () => {
        const headers = { accept: 'text/html', 'accept-language': language, cookie };
        const answer = await broken.ask(path === '/interaction' ? interaction : path, {
          headers: { ...headers, ...(path === '/unknown-host' && { host: 'new.example.com' }) },
        });
        assert.deepEqual(shortly(answer), ERROR_503, answer.text);
        assert.match(answer.text, new RegExp(title));
      });

  for (const [language, words] of [
    ['en', 'Try again'],
    ['zh-CN', '重试'],
  ] as const)
    it(`leads back to where it was asked for, in ${language}`, async () => {
      const headers = { accept: 'text/html', 'accept-language': language, cookie };
      const linkAt = async (path: string, method = 'GET'): Promise<string | undefined> => {
        const form = method === 'POST' ? { form: { a: 'b' } } : {};
        const { text } = await broken.ask(path, { headers, ...form });
        return new RegExp(`<a class="button" href="([^"]*)">${words}</a>`).exec(text)?.[1];
      };
      const asked = `${ROUTES.authorization}?client_id=nobody&state=x`;
      assert.equal(await linkAt(asked), asked.replaceAll('&', '&amp;'));
      assert.equal(await linkAt(interaction), interaction);
      assert.equal(await linkAt(interaction.replace('?', '/sign-in?'), 'POST'), interaction);
      assert.equal(await linkAt(ROUTES.end_session), ROUTES.end_session);
    });

  for (const path of ['/account', '/register'])
    it(`is a page that answers 503 at ${path}, where a person is led to the sign-in and back`, async () => {
      const { url, status, headers, html } = await new Visitor(broken.server.issuer).go(path);
      assert.deepEqual([url.pathname, status, headers.get('retry-after')], ['/account/callback', 503, '5']);
      assert.match(html, /One moment, please/);
      assert.match(html, /<a class="button" href="\/account">Try again<\/a>/);
    });

  const CALLS = ['auth', 'acl', 'superuser', 'user', 'vhost', 'resource', 'topic'];
  const authorization = basic(APP, APP_SECRET);
  const names = { username: 'u', clientid: 'c', password: 'p', topic: 't', action: 'publish' };
  for (const name of CALLS) {
    it(`denies what EMQX 5 asks by /mqtt/${name} [SEC-R35]`, async () => {
      const answer = await broken.ask(`/mqtt/${name}`, {
        method: 'POST',
        headers: { authorization, ...JSON_TYPE },
        body: JSON.stringify(names),
      });
      assert.deepEqual([answer.status, answer.text], [200, '{"result":"deny"}']);
    });

    it(`denies what EMQX 4, Mosquitto and RabbitMQ ask by /mqtt/${name}`, async () => {
      const answer = await broken.ask(`/mqtt/${name}`, { headers: { authorization }, form: names });
      assert.deepEqual([answer.text, shortly(answer)], ['deny', ERROR_503]);
    });
  }

  for (const [path, methods] of Object.entries(MQTT_API.paths).filter(([path]) =>
    path.startsWith('/api/v4/'),
  ))
    for (const method of Object.keys(methods))
      it(`makes ${method.toUpperCase()} ${path} answer 503 in EMQX 4’s words`, async () => {
        const answer = await broken.ask(path.replace(/\{\w+\}/g, 'x'), {
          method: method.toUpperCase(),
          headers: { authorization },
        });
        assert.deepEqual(shortly(answer), ERROR_503, answer.text);
        const { code, message } = JSON.parse(answer.text) as { code: number; message: string };
        assert.deepEqual([code > 900_000, message.startsWith('temporarily_unavailable')], [true, true]);
      });

  it('is told by /readyz, and not by /livez', async () => {
    assert.deepEqual((await broken.ask('/readyz')).status, 503);
    assert.deepEqual((await broken.ask('/livez')).status, 200);
  });
});

describe('a store that takes no writes', () => {
  const CUT = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()';
  const SETTING = `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = STATE',
    current_database()); END $$`;

  /** How each kind is broken, and mended. */
  const FAILURES: [name: string, kind: StoreKind, breakIt: string[], mendIt: string[]][] = [
    ['is full, on sqlite', 'sqlite', ['PRAGMA max_page_count = 1'], ['PRAGMA max_page_count = 1000000']],
    ['is read-only, on sqlite', 'sqlite', ['PRAGMA query_only = 1'], ['PRAGMA query_only = 0']],
    [
      'is read-only, on postgres',
      'postgres',
      [SETTING.replace('STATE', 'on'), CUT],
      [`BEGIN READ WRITE; ${SETTING.replace('STATE', 'off')}; COMMIT`, CUT],
    ],
  ];

  for (const [name, kind, breakIt, mendIt] of FAILURES)
    it(`because it ${name} is told by /readyz and to applications, and is used again afterwards [SEC-R35]`, async () => {
      const server = await startServer(kind, {}, LIMITS);
      const { knex } = server.context.store;
      const ask = (path: string): Promise<Heard> => send(new URL(path, server.issuer));
      const run = async (statements: readonly string[]): Promise<void> => {
        for (const statement of statements)
          // The server ends the sessions of the pool, as when it restarts.
          await (statement === CUT ? knex.raw(CUT).catch(() => undefined) : knex.raw(statement));
      };
      await addApp(server);
      assert.equal((await ask('/readyz')).status, 200);
      await run(breakIt);
      let outcome = outcomeOf(await begin({ ask }));
      // A page of the file may have room for some more rows.
      for (let n = 0; n < 100 && outcome === BEGUN; n += 1) outcome = outcomeOf(await begin({ ask }));
      assert.match(outcome, REFUSED);
      assert.equal((await ask('/readyz')).status, 503);
      await run(mendIt);
      // Each connection that the server ended may fail one request more.
      for (let n = 0; n < LIMITS.store.poolSize && outcome !== BEGUN; n += 1)
        outcome = outcomeOf(await begin({ ask }));
      assert.equal(outcome, BEGUN);
      assert.equal((await ask('/readyz')).status, 200);
      await server.stop();
    });
});

describe('a PostgreSQL that cannot serve', () => {
  let broken: Broken;
  beforeEach(async () => {
    broken = await behindProxy();
    await addApp(broken.server);
  });
  afterEach(() => end(broken));

  it('by falling silent makes requests that wait 503, and serves new ones when it can be reached again [SEC-R35]', async () => {
    const { proxy } = broken;
    assert.equal(outcomeOf(await begin(broken)), BEGUN);
    proxy.fallSilent();
    // More than there are connections: some wait for an answer, some for a connection.
    const answers = await Promise.all(Array.from({ length: 12 }, () => begin(broken)));
    for (const answer of answers) assert.match(outcomeOf(answer), REFUSED);
    assert.equal((await broken.ask('/readyz')).status, 503);
    proxy.mend();
    assert.equal(outcomeOf(await begin(broken)), BEGUN);
    assert.equal((await broken.ask('/readyz')).status, 200);
  });

  it('by falling silent fails no request more once it can be reached again, however many connections were open', async () => {
    const { proxy, server } = broken;
    const { knex } = server.context.store;
    await Promise.all(Array.from({ length: LIMITS.store.poolSize }, () => knex.raw('SELECT pg_sleep(0.2)')));
    proxy.fallSilent();
    assert.match(outcomeOf(await begin(broken)), REFUSED);
    proxy.mend();
    assert.equal(outcomeOf(await begin(broken)), BEGUN);
  });

  it('by falling silent fails nobody for an attempt to connect that began before they asked', async () => {
    const { proxy, server } = broken;
    const { store } = server.context;
    proxy.fallSilent();
    // More than there are connections: the last give up waiting while the pool still tries to connect.
    await Promise.allSettled(Array.from({ length: 12 }, () => store.ping()));
    proxy.mend();
    await store.ping();
  });

  it('by falling silent in a transaction leaves nothing locked once it can be reached again [SEC-R35]', async () => {
    const { proxy, server } = broken;
    const { store } = server.context;
    const lock = 'SELECT pg_advisory_xact_lock(1)';
    const cutOff = store.transaction(async (trx) => {
      await trx.raw(lock);
      proxy.fallSilent();
      await trx.raw('SELECT 1');
    });
    await assert.rejects(cutOff, { name: 'StoreUnavailable' });
    proxy.mend();
    const locks = (): Promise<boolean> =>
      store
        .transaction((trx) => trx.raw(lock))
        .then(
          () => true,
          () => false,
        );
    assert.ok(await succeedsWithin(RECOVERY_TRIES, locks));
  });

  it('by having no connection free makes requests wait, and then 503 [SEC-R35]', async () => {
    const { store } = broken.server.context;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const held = Array.from({ length: LIMITS.store.poolSize }, () =>
      store.transaction(async (trx) => {
        await trx.raw('SELECT 1');
        await released;
      }),
    );
    assert.match(outcomeOf(await begin(broken)), REFUSED);
    release();
    await Promise.all(held);
    assert.equal(outcomeOf(await begin(broken)), BEGUN);
  });

  it('by a statement that takes too long ends it, and keeps the connection', async () => {
    const { store } = broken.server.context;
    await assert.rejects(store.knex.raw('SELECT pg_sleep(60)'), { reason: 'a statement took too long' });
    assert.equal(outcomeOf(await begin(broken)), BEGUN);
  });

  it('lets a statement of a migration take longer', async () => {
    const { store } = broken.server.context;
    await store.transaction((trx) => store.unhurried(trx, () => trx.raw('SELECT pg_sleep(2)')));
    await assert.rejects(
      store.transaction(async (trx) => {
        await store.unhurried(trx, () => trx.raw('SELECT 1'));
        await trx.raw('SELECT pg_sleep(60)');
      }),
      { reason: 'a statement took too long' },
    );
  });
});

describe('a PostgreSQL whose processes are stopped', () => {
  let postgres: OwnPostgres;
  let server: TestServer;
  let secret: string;
  let token: string;
  before(async () => {
    postgres = await ownPostgres();
    server = await startServer('postgres', { DATABASE_URL: postgres.url }, LIMITS);
    await deviceApi(server);
    secret = await addApp(server);
    token = await clientToken(server, ['isms.all']);
  });
  afterEach(() => postgres.resume());
  after(async () => {
    await postgres.resume();
    await server.stop();
    await postgres.stop();
  });

  const ask = (path: string, said?: Said): Promise<Heard> => send(new URL(path, server.issuer), said);
  const askToken = (): Promise<Heard> =>
    ask(ROUTES.token, {
      headers: { authorization: basic('app', secret) },
      form: { grant_type: 'authorization_code', code: 'x', redirect_uri: REQUEST.redirect_uri },
    });
  const askApi = (): Promise<Heard> => ask('/api/Role', { headers: { authorization: `Bearer ${token}` } });
  const askPage = async (begun: Heard): Promise<Heard> => {
    const cookies = begun.headers.getSetCookie().map((line) => line.split(';')[0]);
    return ask(begun.headers.get('location') ?? '', {
      headers: { accept: 'text/html', cookie: cookies.join('; ') },
    });
  };
  const askBroker = (json: boolean): Promise<Heard> => {
    const names = { username: 'u', clientid: 'c', password: 'p' };
    const authorization = basic(APP, APP_SECRET);
    return json
      ? ask('/mqtt/auth', { headers: { authorization, ...JSON_TYPE }, body: JSON.stringify(names) })
      : ask('/mqtt/auth', { headers: { authorization }, form: names });
  };

  it('is 503 on every interface, and serves again when they go on [SEC-R35]', async () => {
    const begun = await begin({ ask });
    assert.equal(outcomeOf(begun), BEGUN);
    await postgres.pause();
    // More than there are connections, two of which are open: each way of waiting ends.
    const [oauth, api, page, device, otherDevice, refused, ready, lives] = await Promise.all([
      askToken(),
      askApi(),
      askPage(begun),
      askBroker(true),
      askBroker(false),
      begin({ ask }),
      ask('/readyz'),
      ask('/livez'),
    ]);
    assert.deepEqual([oauth, api, page, otherDevice].map(shortly), Array(4).fill(ERROR_503));
    assert.equal(bodyOf(oauth)['error'], 'temporarily_unavailable');
    assert.equal(bodyOf(api)['codeName'], 'ServiceUnavailable');
    assert.match(page.text, /One moment, please/);
    assert.deepEqual([device.status, device.text], [200, '{"result":"deny"}']);
    assert.equal(otherDevice.text, 'deny');
    assert.match(outcomeOf(refused), REFUSED);
    assert.deepEqual([ready.status, lives.status], [503, 200]);
    await postgres.resume();
    const serves = async (): Promise<boolean> => {
      const [api, ready, begun] = await Promise.all([askApi(), ask('/readyz'), begin({ ask })]);
      return api.status === 200 && ready.status === 200 && outcomeOf(begun) === BEGUN;
    };
    assert.ok(await succeedsWithin(RECOVERY_TRIES, serves));
  });
});
