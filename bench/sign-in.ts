import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { insertApiResource, newApiResource } from '../src/api-resources/index.js';
import { addClientSecret, clientSettings, insertClient, reservedAudiences } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { tenantTransaction } from '../src/store/index.js';
import { insertUser } from '../src/users/index.js';
import { hashesAtOnce } from '../src/users/passwords.js';
import { basic } from '../test/support/http.js';
import { freePort } from '../test/support/ports.js';
import {
  ask,
  bytesOf,
  calm,
  CONNECTIONS,
  load,
  median,
  said,
  startServer,
  tokenRequest,
  type Repeated,
  type Waited,
} from './measure.js';

/**
 * Password sign-ins a second next to what checking a password costs by itself, in turns; and how long other requests wait
 * while 64 sign-ins run, next to the same without them: tokens, introspection, claims of a person, documents and a list of
 * the management API in turn, on 16 connections and on one. On all cores, as many hashes at a time as the server does by
 * itself.
 */
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';
const PASSWORD = 'a password of the bench';
const USERS = 64;
const ROUNDS = 5;
const AMOUNT = 300;
const WARM_UP = 1000;
const OTHERS = 4000;

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-sign-in-'));
mkdirSync(join(folder, 'config'));
writeFileSync(join(folder, 'config', 'production.json'), JSON.stringify({ limits: { enabled: false } }));
const port = await freePort();
const env = {
  PORT: String(port),
  GATEHOUSE_DATA_DIR: folder,
  NODE_ENV: 'production',
  LOG_LEVEL: 'info',
  GATEHOUSE_CLIENT_SECRET: SECRET,
};
const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
const { tenant } = await ensureHome(context);
const hash = await context.passwords.hash(PASSWORD);
await tenantTransaction(context.store, tenant.id, async (db) => {
  await insertApiResource(db, newApiResource('bench', ['bench.read'], { audience: 'urn:bench' }));
  const settings = clientSettings({
    grantTypes: ['client_credentials', 'password'],
    scopes: ['openid', 'bench.read'],
  });
  await insertClient(
    db,
    { clientId: 'bench', clientName: 'bench', settings },
    reservedAudiences(() => 'mqtt'),
  );
  await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
  for (let n = 0; n < USERS; n++) await insertUser(db, { userName: `user-${n}x` }, hash);
});
await context.close();

const { pid = 0 } = await startServer(
  [resolve('dist/src/cli.js'), 'serve'],
  env,
  'Gatehouse is ready',
  folder,
);
const origin = `http://localhost:${port}`;
const at = (form: string, path = '/connect/token'): Repeated => ({
  ...tokenRequest(port, 'home', SECRET, form),
  url: origin + path,
});
const signIns = Array.from({ length: USERS }, (_, n) =>
  at(`grant_type=password&username=user-${n}x&password=${encodeURIComponent(PASSWORD)}&scope=bench.read`),
);

async function tokenBy(request: Repeated): Promise<string> {
  const answer = await fetch(request.url, request);
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function otherRequests(): Promise<Buffer[]> {
  const get = (path: string, token?: string): Repeated => ({
    url: origin + path,
    method: 'GET',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    body: '',
  });
  const person = signIns[0] as Repeated;
  const manager = at('grant_type=client_credentials&scope=isms.all');
  manager.headers = { ...manager.headers, authorization: basic('gatehouse-cli', SECRET) };
  return [
    at('grant_type=client_credentials&scope=bench.read'),
    at(`token=${await tokenBy(person)}`, '/connect/introspect'),
    get('/connect/userinfo', await tokenBy({ ...person, body: person.body.replace('bench.read', 'openid') })),
    get('/.well-known/openid-configuration'),
    get('/.well-known/openid-configuration/jwks'),
    get('/api/User', await tokenBy(manager)),
  ].map(bytesOf);
}

/** @throws Error where one of them fails, or none ended */
async function besideSignIns<T>(work: () => Promise<T>): Promise<T> {
  let running = true;
  let done = 0;
  const sixtyFour = signIns.map((request) => {
    const bytes = bytesOf(request);
    return ask(
      port,
      () => (running ? bytes : undefined),
      (_ms, status) => {
        if (status !== 200) throw new Error(`a sign-in was answered ${status}`);
        done += 1;
      },
    );
  });
  const answer = await work();
  running = false;
  await Promise.all(sixtyFour);
  if (done === 0) throw new Error('no sign-in ran');
  return answer;
}

const bare = (): number =>
  Number(
    spawnSync(process.execPath, ['--import', 'tsx', 'bench/argon.ts'], {
      env: { PATH: process.env['PATH'], AMOUNT: String(AMOUNT) },
    }).stdout.toString(),
  );

try {
  await load(pid, signIns, WARM_UP);
  const [alone, whole]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(bare());
    whole.push((await load(pid, signIns, AMOUNT)).perSecond);
  }
  const [check, signIn] = [1000 / median(alone), 1000 / median(whole)];
  console.log(`\npassword sign-ins, ${hashesAtOnce()} at a time, next to checking a password alone`);
  console.log(`  Argon2id alone      ${check.toFixed(2)} ms, ${median(alone).toFixed(1)} a second`);
  console.log(`  a whole sign-in     ${signIn.toFixed(2)} ms, ${median(whole).toFixed(1)} a second`);
  console.log(`  more than the hash  ${((signIn / check - 1) * 100).toFixed(1)} %`);

  const others = await otherRequests();
  for (const lanes of [CONNECTIONS, 1]) {
    await calm(port, others, OTHERS, lanes);
    const [without, beside]: [Waited[], Waited[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      without.push(await calm(port, others, OTHERS, lanes));
      beside.push(await besideSignIns(() => calm(port, others, OTHERS, lanes)));
    }
    console.log(`\nother requests, ${lanes} at a time, while 64 sign-ins run`);
    console.log(`  without them        ${said(without)}`);
    console.log(`  beside them         ${said(beside)}`);
  }
} finally {
  process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
