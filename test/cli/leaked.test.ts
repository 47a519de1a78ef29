import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { steadyNow } from '../../src/kernel/clock.js';
import { ADMIN_PASSWORD, CLIENT_SECRET, environment, STORES, temporaryFolder } from '../support/config.js';
import { bodyOf, send, type Heard } from '../support/http.js';
import { cli, kill, managementToken, serveHere, type Finished, type Running } from '../support/process.js';

type Json = Record<string, unknown>;

/** Far more than the second that a server takes to see a change, on a machine that is busy with other things. */
const LONGEST_WAIT_MS = 60_000;

for (const kind of STORES)
  describe(`the commands for what has leaked, on ${kind}`, function () {
    this.timeout(300_000); // waits for what the running server sees
    let env: Record<string, string>;
    let running: Running;
    let issuer: string;
    const run = (...args: string[]): Promise<Finished> => cli(args, env);
    const json = async <T = Json>(...args: string[]): Promise<T> => {
      const { stdout, stderr, code } = await run(...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as T;
    };
    const ask = (
      path: string,
      form?: Record<string, string>,
      headers: Record<string, string> = {},
    ): Promise<Heard> => send(new URL(path, issuer), { ...(form && { form }), headers });
    const basicOf = (id: string, secret: string) => ({
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    });
    const opens = async (token: string): Promise<boolean> =>
      (await ask('/api/Role', undefined, { authorization: `Bearer ${token}` })).status === 200;
    /** A running server sees a change within a second: it is asked until then. */
    const until = async (seen: () => Promise<boolean>): Promise<void> => {
      const end = steadyNow() + LONGEST_WAIT_MS;
      do if (await seen()) return;
      while (steadyNow() < end);
      assert.fail('the running server does not see the change');
    };

    before(async () => {
      env = await environment(kind, {}, 'started');
      running = await serveHere(env);
      issuer = `http://localhost:${env['PORT']}`;
    });
    after(async () => {
      await kill(running, 'SIGTERM');
    });

    it('revoke a signing key by its id while the server runs, and say what that ends', async () => {
      const token = await managementToken(issuer);
      assert.equal(await opens(token), true);
      const keys = await json<Json[]>('keys', 'list');
      const { kid } = keys.find(({ alg, state }) => alg === 'ES256' && state === 'current') as {
        kid: string;
      };
      const { code, stdout } = await run('keys', 'revoke', kid);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^${kid} +ES256 +revoked`, 'm'));
      assert.match(
        stdout,
        /^Every JWT access token and every ID token that a revoked key signed is refused/m,
      );
      await until(async () => !(await opens(token)));
      const jwks = bodyOf(await ask('/.well-known/jwks.json'))['keys'] as { kid: string }[];
      assert.ok(jwks.length === 2 && jwks.every((key) => key.kid !== kid));
      assert.equal(await opens(await managementToken(issuer)), true);
      assert.equal((await run('keys', 'revoke', 'nowhere')).code, 3);
      assert.equal((await run('keys', 'revoke', '-h-nowhere')).code, 3);
      assert.equal((await run('session', 'end', 'administrator', '-h-nowhere')).code, 3);
    });

    it('replace all signing keys as compromised, which a rotation that is only early does not', async () => {
      const token = await managementToken(issuer);
      await json('keys', 'rotate', '--now');
      const early = await json<{ kid: string; state: string }[]>('keys', 'list');
      assert.equal(early.filter(({ state }) => state === 'previous').length, 2);
      const all = await json<{ kid: string; state: string }[]>('keys', 'rotate', '--compromised');
      await until(async () => !(await opens(token)));
      const signing = all.filter(({ state }) => state === 'current').map(({ kid }) => kid);
      assert.equal(signing.length, 2);
      assert.ok(early.every(({ kid }) => !signing.includes(kid)));
      const jwks = bodyOf(await ask('/.well-known/jwks.json'))['keys'] as { kid: string }[];
      assert.deepEqual(jwks.map(({ kid }) => kid).sort(), signing.sort());
    });

    it('renew the keys of cookies and of DPoP nonces, and know no others', async () => {
      assert.match((await run('keys', 'renew', 'cookies')).stdout, /people sign in again/);
      assert.match((await run('keys', 'renew', 'dpop')).stdout, /RFC 9449/);
      assert.equal((await run('keys', 'renew', 'everything')).code, 2);
    });

    it('list a client’s secrets, and end one of them, with the tokens where that is wanted [SEC-R12]', async () => {
      const { secret: first } = await json(
        'client',
        'create',
        'job',
        '--grant',
        'clientCredentials',
        '--scope',
        'isms.role.get',
      );
      const { secret: second } = await json('client', 'secret', 'job');
      const { secrets } = await json<{ secrets: { id: string; hint: string }[] }>(
        'client',
        'secret',
        'job',
        '--list',
      );
      const leaked = secrets.find(({ hint }) => String(first).startsWith(hint.slice(0, 4)));
      assert.ok(leaked && secrets.length === 2);
      const tokenBy = async (secret: unknown): Promise<string | undefined> =>
        bodyOf(
          await ask('/connect/token', { grant_type: 'client_credentials' }, basicOf('job', String(secret))),
        )['access_token'] as string | undefined;
      const taken = (await tokenBy(first)) ?? '';
      assert.equal(await opens(taken), true);

      await json('client', 'secret', 'job', '--revoke', leaked.id);
      await until(async () => (await tokenBy(first)) === undefined);
      assert.ok(await tokenBy(second));
      assert.equal(await opens(taken), true, 'what it was given goes on');
      assert.equal((await run('client', 'secret', 'job', '--revoke', leaked.id)).code, 3);
      assert.equal((await run('client', 'secret', 'job', '--revoke', leaked.id, '--replace')).code, 2);

      assert.deepEqual(await json('client', 'secret', 'job', '--end-tokens'), {
        clientId: 'job',
        ends: ['every token and code that job has been given so far'],
      });
      await until(async () => !(await opens(taken)));
      const { secrets: kept } = await json<{ secrets: unknown[] }>('client', 'secret', 'job', '--list');
      assert.equal(kept.length, 1, 'no secret was made');
      assert.ok(await tokenBy(second));
    });

    it('end the tokens of a public client, which has no secrets', async () => {
      const grant = ['--grant', 'password', '--scope', 'isms.role.get'];
      await json('client', 'create', 'native', '--public', ...grant);
      const asked = { grant_type: 'password', client_id: 'native', scope: 'isms.role.get' };
      const person = { username: 'admin', password: ADMIN_PASSWORD };
      const token = String(bodyOf(await ask('/connect/token', { ...asked, ...person }))['access_token']);
      assert.equal(await opens(token), true);
      const { code, stdout } = await run('client', 'secret', 'native', '--end-tokens');
      assert.deepEqual([code, stdout], [0, 'ended every token and code that native has been given so far\n']);
      await until(async () => !(await opens(token)));
    });

    it('list the tokens of dynamic registration, and end them [SEC-R12]', async () => {
      const authorization = `Bearer ${await managementToken(issuer)}`;
      const post = async (path: string, body: object, by = authorization): Promise<Json> => {
        const heard = await send(new URL(path, issuer), {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', authorization: by },
        });
        return bodyOf(heard);
      };
      const initial = async (): Promise<Json> =>
        (await post('/api/Client/RegistrationTokens', { uses: 2 }))['data'] as Json;
      const register = (token: unknown): Promise<Json> =>
        post(
          '/connect/register',
          { redirect_uris: ['https://app.example.com/cb'], token_endpoint_auth_method: 'none' },
          `Bearer ${String(token)}`,
        );
      const manage = async ({
        registration_client_uri: uri,
        registration_access_token: token,
      }: Json): Promise<number> =>
        (await send(new URL(String(uri)), { headers: { authorization: `Bearer ${String(token)}` } })).status;

      const [first, second] = [await initial(), await initial()];
      const [one, two] = [await register(first['token']), await register(first['token'])];
      const listed = await json<{ initial: Json[]; clients: string[] }>('registration', 'list');
      assert.deepEqual(listed.clients.sort(), [one, two].map(({ client_id: id }) => String(id)).sort());
      await json('registration', 'end', '--client', String(one['client_id']));
      assert.deepEqual([await manage(one), await manage(two)], [401, 200]);
      await json('registration', 'end', '--initial', String(second['id']));
      assert.equal((await register(second['token']))['error'], 'invalid_token');
      const ended = await run('registration', 'end', '--all');
      assert.deepEqual(ended.stdout.split('\n'), [
        `ended tokens that open registration: ${String(first['id'])}`,
        `ended registration access tokens of clients: ${String(two['client_id'])}`,
        '',
      ]);
      assert.equal(await manage(two), 401);
      assert.deepEqual(await json('registration', 'end', '--all'), { ended: { initial: [], clients: [] } });
      assert.deepEqual(await json('registration', 'list'), { initial: [], clients: [] });
      assert.equal((await run('registration', 'end')).code, 5);
      assert.equal((await run('registration', 'end', '--client', 'nobody')).code, 3);
    });

    it('move to another master key and renew what the old one opened, in every tenant; and once more [SEC-R12]', async () => {
      await json('tenant', 'create', 'Acme', '--host', 'id.acme.example');
      const token = await managementToken(issuer);
      await json('client', 'create', 'screen', '--public', '--grant', 'device', '--scope', 'openid');
      const device = bodyOf(
        await ask('/connect/deviceauthorization', { client_id: 'screen', scope: 'openid' }),
      );
      assert.equal(typeof device['device_code'], 'string');
      const kidsOf = async (...tenant: string[]): Promise<string[]> =>
        (await json<{ kid: string; state: string }[]>('keys', 'list', ...tenant))
          .filter(({ state }) => state !== 'revoked')
          .map(({ kid }) => kid);
      const acme = await kidsOf('--tenant', 'Acme');

      const newKey = join(temporaryFolder(), 'new.key');
      const rewrap = ['keys', 'rewrap', '--new-key-file', newKey];
      const done = await json(...rewrap, '--compromised', '--settle', '2');
      assert.equal(done['tenants'], 2);
      assert.match(String(done['left']), /gatehouse mqtt-app secret/);
      await until(async () => !(await opens(token)));
      const poll = bodyOf(
        await ask('/connect/token', {
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          client_id: 'screen',
          device_code: String(device['device_code']),
        }),
      );
      assert.equal(poll['error'], 'invalid_grant');

      env['GATEHOUSE_MASTER_KEY'] = readFileSync(newKey, 'utf8');
      const after = await kidsOf('--tenant', 'Acme');
      assert.ok(after.length === 2 && after.every((kid) => !acme.includes(kid)));
      assert.equal((await run(...rewrap)).code, 5);
      assert.equal((await json(...rewrap, '--compromised'))['tenants'], 2);
      const again = await kidsOf('--tenant', 'Acme');
      assert.ok(again.every((kid) => !after.includes(kid)));

      await kill(running, 'SIGTERM');
      running = await serveHere(env);
      const signedIn = await ask(
        '/connect/token',
        { grant_type: 'password', username: 'admin', password: ADMIN_PASSWORD, scope: 'openid' },
        basicOf('gatehouse-cli', CLIENT_SECRET),
      );
      assert.equal(signedIn.status, 200);
    });
  });
