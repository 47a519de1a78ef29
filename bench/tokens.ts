import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { insertApiResource, newApiResource } from '../src/api-resources/index.js';
import { addClientSecret, clientSettings, insertClient, reservedAudiences } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { tenantTransaction } from '../src/store/index.js';
import { touchTenant } from '../src/tenants/index.js';
import { insertUser } from '../src/users/index.js';
import { basic } from '../test/support/http.js';
import { freePort } from '../test/support/ports.js';
import { compare, CONNECTIONS, pinLoad, startOnFirstCore, type Chained, type Repeated } from './measure.js';

/**
 * Gatehouse as in production, everything on, against a bare in-memory oidc-provider, in the same run, taking turns.
 * `npm run bench -- refresh` measures only that.
 */
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';
const PASSWORD = 'a password of the bench';
const asBench = {
  authorization: basic('bench', SECRET),
  'content-type': 'application/x-www-form-urlencoded',
};
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
const UNLIMITED = 1_000_000_000; // counted like any other, and never reached
const quotas = { tenant: UNLIMITED, client: UNLIMITED, address: UNLIMITED };
const pages = { tenant: UNLIMITED, address: UNLIMITED };
mkdirSync(join(folder, 'config'));
writeFileSync(
  join(folder, 'config', 'production.json'),
  JSON.stringify({ limits: { token: quotas, introspection: quotas, pages } }),
);

/** A server with what the scenarios ask it for. */
interface Side {
  pid: number;
  origin: string;
  paths: { token: string; introspection: string; jwks: string };
  /** The scope of an API whose tokens have the format. */
  scope(format: 'jwt' | 'opaque'): string;
  refreshTokens: string[];
}

/** `PROFILE=<folder>` writes a CPU profile of each server there. */
const profiling = (name: string): string[] =>
  process.env['PROFILE'] ? ['--cpu-prof', `--cpu-prof-dir=${process.env['PROFILE']}/${name}`] : [];

async function post(
  side: Side,
  path: string,
  form: Record<string, string>,
): Promise<Record<string, unknown>> {
  const response = await fetch(side.origin + path, {
    method: 'POST',
    headers: asBench,
    body: new URLSearchParams(form),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

async function startGatehouse(): Promise<Side> {
  const port = await freePort();
  const env = {
    PORT: String(port),
    GATEHOUSE_DATA_DIR: folder,
    LOG_LEVEL: 'info',
    NODE_ENV: 'production',
    GATEHOUSE_METRICS_PORT: '0',
  };
  const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
  const { tenant } = await ensureHome(context);
  const hash = await context.passwords.hash(PASSWORD);
  await tenantTransaction(context.store, tenant.id, async (db) => {
    await insertApiResource(db, newApiResource('jwt', ['jwt.read']));
    await insertApiResource(db, newApiResource('opaque', ['opaque.read'], { accessTokenFormat: 'opaque' }));
    const settings = clientSettings({
      grantTypes: ['client_credentials', 'password', 'refresh_token'],
      scopes: ['jwt.read', 'opaque.read', 'offline_access'],
    });
    await insertClient(
      db,
      { clientId: 'bench', clientName: 'bench', settings },
      reservedAudiences(() => 'mqtt'),
    );
    await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
    await insertUser(db, { userName: 'alice' }, hash);
  });
  await context.store.transaction((trx) => touchTenant(trx, tenant.id));
  await context.close();
  const child = await startOnFirstCore(
    [...profiling('gatehouse'), resolve('dist/src/cli.js'), 'serve'],
    env,
    'Gatehouse is ready',
    folder,
  );
  const side: Side = {
    pid: child.pid as number,
    origin: `http://localhost:${port}`,
    paths: { token: '/connect/token', introspection: '/connect/introspect', jwks: '/.well-known/jwks.json' },
    scope: (format) => `${format}.read`,
    refreshTokens: [],
  };
  for (let chain = 0; chain < CONNECTIONS; chain++) {
    const form = {
      grant_type: 'password',
      username: 'alice',
      password: PASSWORD,
      scope: 'offline_access jwt.read',
    };
    side.refreshTokens.push(String((await post(side, side.paths.token, form))['refresh_token']));
  }
  return side;
}

async function startBare(format: 'jwt' | 'opaque'): Promise<Side> {
  const port = await freePort();
  let output = '';
  const child = await startOnFirstCore(
    [...profiling('bare'), '--import', 'tsx', 'bench/bare.ts'],
    {
      PORT: String(port),
      FORMAT: format,
      SECRET,
      CHAINS: String(CONNECTIONS),
      NODE_ENV: 'production',
    },
    ']\n',
    process.cwd(),
    (text) => (output = text),
  );
  return {
    pid: child.pid as number,
    origin: `http://localhost:${port}`,
    paths: { token: '/token', introspection: '/token/introspection', jwks: '/jwks' },
    scope: () => 'bench.read',
    refreshTokens: JSON.parse(/ready (\[.*\])/.exec(output)?.[1] ?? '[]') as string[],
  };
}

type Scenario = (side: Side) => Promise<Repeated | Chained>;

const form = (side: Side, path: string, body: string): Repeated => ({
  url: side.origin + path,
  method: 'POST',
  headers: asBench,
  body,
});
const clientCredentials =
  (format: 'jwt' | 'opaque'): Scenario =>
  async (side) =>
    form(side, side.paths.token, `grant_type=client_credentials&scope=${side.scope(format)}`);

const introspection: Scenario = async (side) => {
  const asked = { grant_type: 'client_credentials', scope: side.scope('opaque') };
  const { access_token: token } = await post(side, side.paths.token, asked);
  return form(side, side.paths.introspection, `token=${String(token)}`);
};

const refresh: Scenario = async (side) => ({
  url: side.origin + side.paths.token,
  method: 'POST',
  headers: asBench,
  body(lane, answer) {
    if (answer !== undefined)
      side.refreshTokens[lane] = (JSON.parse(answer) as { refresh_token: string }).refresh_token;
    return `grant_type=refresh_token&refresh_token=${side.refreshTokens[lane]}`;
  },
});

const document =
  (path: (side: Side) => string): Scenario =>
  async (side) => ({ url: side.origin + path(side), method: 'GET', headers: {}, body: '' });

/** These are so quick that a round needs more of them to be measured by the clock of /proc. */
const DOCUMENT_AIM = 3;

/** What is measured, what the bare provider's tokens are for it, and what is aimed at. */
const SCENARIOS: { name: string; title: string; format: 'jwt' | 'opaque'; of: Scenario; aim: number }[] = [
  {
    name: 'jwt',
    title: 'client credentials, JWT ES256',
    format: 'jwt',
    of: clientCredentials('jwt'),
    aim: 1,
  },
  {
    name: 'opaque',
    title: 'client credentials, opaque (durable here, in memory there)',
    format: 'opaque',
    of: clientCredentials('opaque'),
    aim: 0.8,
  },
  {
    name: 'introspection',
    title: 'introspection of an opaque token',
    format: 'opaque',
    of: introspection,
    aim: 0.9,
  },
  { name: 'refresh', title: 'refresh (durable here, in memory there)', format: 'jwt', of: refresh, aim: 0.7 },
  {
    name: 'discovery',
    title: 'discovery',
    format: 'jwt',
    of: document(() => '/.well-known/openid-configuration'),
    aim: DOCUMENT_AIM,
  },
  { name: 'jwks', title: 'JWKS', format: 'jwt', of: document(({ paths }) => paths.jwks), aim: DOCUMENT_AIM },
];

pinLoad();
const pids: number[] = [];
try {
  const ours = await startGatehouse();
  pids.push(ours.pid);
  const peers = new Map<string, Side>();
  for (const { name, title, format, of, aim } of SCENARIOS) {
    if (process.argv[2] !== undefined && process.argv[2] !== name) continue;
    const peer = peers.get(format) ?? (await startBare(format));
    if (!peers.has(format)) pids.push(peer.pid);
    peers.set(format, peer);
    await compare(
      `${title} (aim ${aim})`,
      { name: 'gatehouse', pid: ours.pid, request: await of(ours) },
      { name: 'bare', pid: peer.pid, request: await of(peer) },
      aim === DOCUMENT_AIM ? { amount: 20_000, warmUp: 20_000 } : {},
    );
  }
} finally {
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
