import assert from 'node:assert/strict';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import type { ExternalSigningKey } from 'oidc-provider';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { newId } from '../../src/kernel/ids.js';
import type { Gatehouse } from '../../src/main.js';
import { revokeAllOf } from '../../src/revocations/index.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { bodyOf, send } from '../support/http.js';
import { until } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor } from '../support/visitor.js';
import { loadKeyRing } from '../support/key-ring.js';

const APP = 'https://app.example.com/callback';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Key {
  id: string;
  alg: string;
  state: string;
}

for (const kind of STORES)
  describe(`a signing key that has leaked, on ${kind}`, () => {
    let server: TestServer;
    let other: Gatehouse;
    let admin: Caller;
    let devices: DeviceApi;
    let app: string;
    let service: string;

    /** The administrator's own token is signed by a key that a test revokes. */
    async function renewAdmin(): Promise<void> {
      admin = await administrator(server);
    }

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      other = await server.addNode();
      devices = await deviceApi(server);
      await server.addApi('mqtt', ['mqtt.connect']);
      await server.addApi('orders', ['orders.read'], { accessTokenFormat: 'opaque' });
      await server.addApi('stock', ['stock.read']);
      app = await server.addClient('app', {
        grantTypes: [
          GRANT_TYPES.code,
          GRANT_TYPES.password,
          GRANT_TYPES.refresh,
          GRANT_TYPES.clientCredentials,
        ],
        redirectUris: [APP],
        scopes: ['openid', 'offline_access', 'stock.read', 'orders.read', 'mqtt.connect'],
        requireConsent: false,
      });
      service = await server.addClient('service', {
        grantTypes: [GRANT_TYPES.tokenExchange],
        scopes: ['orders.read', 'stock.read'],
        resources: ['orders', 'stock'],
      });
      await server.addUser({ userName: 'alice' });
    });
    beforeEach(renewAdmin);
    after(async () => {
      await other.stop();
      await server.stop();
    });

    const nodes = (): number[] => [server.port, other.port];
    const at = (port: number, path: string): URL => new URL(path, `http://127.0.0.1:${port}`);
    /** A request to one of the nodes, under the issuer's name. */
    const ask = (
      port: number,
      path: string,
      form?: Record<string, string>,
      headers: Record<string, string> = {},
    ) =>
      send(at(port, path), {
        ...(form && { form }),
        headers: { host: new URL(server.issuer).host, ...headers },
      });

    /** All that a thief of the store and its master key can sign with. */
    const steal = async (): Promise<readonly ExternalSigningKey[]> => {
      const { store, vault } = server.context;
      return (await loadKeyRing(store, vault, server.home.tenant.id)).signing;
    };
    const sign = async (key: ExternalSigningKey, claims: JWTPayload, typ: string): Promise<string> => {
      const data = `${encode({ alg: key.alg, typ, kid: key.kid })}.${encode(claims)}`;
      return `${data}.${Buffer.from(await key.sign(Buffer.from(data))).toString('base64url')}`;
    };
    const keyOf = (keys: readonly ExternalSigningKey[], kid: string): ExternalSigningKey => {
      const key = keys.find((each) => each.kid === kid);
      assert.ok(key);
      return key;
    };
    const list = async (): Promise<Key[]> => {
      const answer = await admin.ask('GET', '/api/Key');
      return answer.body['data'] as Key[];
    };
    const current = async (alg: string): Promise<string> =>
      (await list()).find((key) => key.alg === alg && key.state === 'current')?.id ?? 'none';
    const published = async (port: number): Promise<string[]> =>
      (bodyOf(await ask(port, '/.well-known/jwks.json'))['keys'] as { kid: string }[]).map(({ kid }) => kid);

    const now = (): number => Math.floor(Date.now() / 1000);
    /** What an access token of the tenant says, with an id that nobody has revoked. */
    const claimsFor = (clientId: string, aud: string, scope: string): JWTPayload => ({
      iss: server.issuer,
      sub: clientId,
      client_id: clientId,
      aud,
      scope,
      tenant: server.home.tenant.id,
      iat: now(),
      exp: now() + 3600,
      jti: newId(),
    });
    const signIn = async (scope: string): Promise<Record<string, string>> => {
      const form = { grant_type: 'password', username: 'alice', password: PASSWORD, scope };
      const { status, body } = await server.post('/connect/token', form, server.basic('app', app));
      assert.equal(status, 200, JSON.stringify(body));
      return body as Record<string, string>;
    };

    /** What each interface says of a thief's tokens: true where it takes them. */
    async function accepted(
      port: number,
      kid: string,
      keys: readonly ExternalSigningKey[],
    ): Promise<Record<string, boolean>> {
      const key = keyOf(keys, kid);
      const user = decodeJwt(String((await signIn('openid stock.read'))['access_token']));
      const manager = await sign(key, claimsFor('gatehouse-cli', 'isms', 'isms.all'), 'at+jwt');
      const machine = await sign(key, claimsFor('app', 'stock', 'stock.read'), 'at+jwt');
      const person = await sign(key, { ...user, jti: newId(), scope: 'openid stock.read' }, 'at+jwt');
      const device = await sign(key, claimsFor('app', 'mqtt', 'mqtt.connect'), 'at+jwt');
      const management = await ask(port, '/api/Role', undefined, { authorization: `Bearer ${manager}` });
      const introspection = await ask(
        port,
        '/connect/introspect',
        { token: machine },
        server.basic('app', app),
      );
      const userinfo = await ask(port, '/connect/userinfo', undefined, { authorization: `Bearer ${person}` });
      const exchange = await ask(
        port,
        '/connect/token',
        { grant_type: GRANT_TYPES.tokenExchange, subject_token: person, subject_token_type: ACCESS_TOKEN },
        server.basic('service', service),
      );
      const mqtt = await send(at(port, '/mqtt/auth'), {
        body: JSON.stringify({ username: 'app', clientid: `thief-${newId()}`, password: device }),
        headers: {
          host: new URL(server.issuer).host,
          'content-type': 'application/json',
          ...server.basic('app_id', 'app:secret-0123456789-0123456789-0123456789'),
        },
      });
      return {
        management: management.status === 200,
        introspection: bodyOf(introspection)['active'] === true,
        userinfo: userinfo.status === 200,
        exchange: exchange.status === 200,
        mqtt: bodyOf(mqtt)['result'] === 'allow',
      };
    }

    const ALL = { management: true, introspection: true, userinfo: true, exchange: true, mqtt: true };
    const NONE = { management: false, introspection: false, userinfo: false, exchange: false, mqtt: false };

    it('ends what was exchanged for a token by it, opaque tokens as well [SEC-R12]', async () => {
      const keys = await steal();
      const legal = decodeJwt(String((await signIn('stock.read'))['access_token']));
      const subject = await sign(
        keyOf(keys, await current('ES256')),
        { ...legal, jti: newId(), aud: 'orders', aid: undefined, scope: 'orders.read' },
        'at+jwt',
      );
      const exchanged = await server.post(
        '/connect/token',
        { grant_type: GRANT_TYPES.tokenExchange, subject_token: subject, subject_token_type: ACCESS_TOKEN },
        server.basic('service', service),
      );
      const token = String(exchanged.body['access_token']);
      assert.ok(!token.includes('.'), JSON.stringify(exchanged.body));
      const active = async (): Promise<unknown> =>
        (await server.post('/connect/introspect', { token }, server.basic('service', service))).body[
          'active'
        ];
      assert.equal(await active(), true);
      await admin.done('POST', '/api/Key/Rotate', { compromised: true });
      assert.equal(await active(), false);
    });

    it('signs what a thief likes until it is revoked, and nothing from then on, on every node [SEC-R12]', async () => {
      const keys = await steal();
      const kid = await current('ES256');
      assert.deepEqual(await accepted(server.port, kid, keys), ALL);
      const { ends } = await admin.done('POST', `/api/Key/${kid}/Revoke`);
      assert.ok((ends as string[]).length > 0);
      await renewAdmin();
      await until(async () => !(await published(other.port)).includes(kid)); // by the store's word
      for (const port of nodes()) {
        assert.deepEqual(await accepted(port, kid, keys), NONE);
        assert.ok(!(await published(port)).includes(kid));
      }
    });

    it('is replaced by a new one, never by the next key that lay beside it [SEC-R12]', async () => {
      await admin.done('POST', '/api/Key/Rotate', {});
      const before = await list();
      const next = before.filter(({ state }) => state === 'next').map(({ id }) => id);
      assert.equal(next.length, 2);
      const keys = await steal();
      await admin.done('POST', '/api/Key/Rotate', { compromised: true });
      await renewAdmin();
      await other.refresh();
      const after = await list();
      const known = new Set(before.map(({ id }) => id));
      const signing = after.filter(({ state }) => state === 'current');
      assert.deepEqual(signing.map(({ alg }) => alg).sort(), ['ES256', 'RS256']);
      assert.ok(signing.every(({ id }) => !known.has(id)));
      assert.deepEqual(
        after.filter(({ state }) => state === 'next' || state === 'previous'),
        [],
      );
      for (const port of nodes()) {
        assert.deepEqual((await published(port)).sort(), signing.map(({ id }) => id).sort());
        for (const kid of next) assert.equal((await accepted(port, kid, keys))['management'], false);
      }
      const token = String((await signIn('stock.read'))['access_token']);
      assert.ok(signing.some(({ id }) => id === decodeProtectedHeader(token).kid));
    });

    it('is worth nothing when it has been replaced already and is only published [SEC-R12]', async () => {
      await admin.done('POST', '/api/Key/Rotate', { now: true });
      const keys = await steal();
      const previous = (await list()).find(({ state, alg }) => state === 'previous' && alg === 'ES256');
      assert.ok(previous);
      assert.equal((await accepted(server.port, previous.id, keys))['management'], true);
      const signing = await current('ES256');
      await admin.done('POST', `/api/Key/${previous.id}/Revoke`);
      await renewAdmin();
      await other.refresh();
      assert.equal(await current('ES256'), signing, 'the key that signs is not concerned');
      for (const port of nodes()) assert.deepEqual(await accepted(port, previous.id, keys), NONE);
    });

    /** What a thief gets with a token: another by IssueToken and by exchange, and the rules of a device. */
    const DERIVE: Record<
      string,
      (port: number, token: (aud: string, scope: string) => Promise<string>) => Promise<string | undefined>
    > = {
      async issued(port, token) {
        const answer = await send(at(port, '/api/Client/IssueToken'), {
          body: JSON.stringify({ lifetime: 3600 }),
          headers: {
            host: new URL(server.issuer).host,
            'content-type': 'application/json',
            authorization: `Bearer ${await token('isms', 'isms.all')}`,
          },
        });
        assert.ok(answer.status === 200 || answer.status === 401, answer.text);
        return (bodyOf(answer)['data'] as { accessToken?: string } | null)?.accessToken;
      },
      async exchanged(port, token) {
        const form = { grant_type: GRANT_TYPES.tokenExchange, subject_token_type: ACCESS_TOKEN };
        const subject = { subject_token: await token('orders', 'orders.read') };
        const answer = await ask(
          port,
          '/connect/token',
          { ...form, ...subject },
          server.basic('service', service),
        );
        return bodyOf(answer)['access_token'] as string | undefined;
      },
      async 'admitted at a broker'(port, token) {
        const names = { username: 'app', clientid: `thief-${newId()}` };
        const acl = await token('mqtt', 'mqtt.connect');
        const answer = await send(at(port, '/mqtt/auth'), {
          body: JSON.stringify({ ...names, password: acl }),
          headers: {
            host: new URL(server.issuer).host,
            'content-type': 'application/json',
            ...server.basic('app_id', 'app:secret-0123456789-0123456789-0123456789'),
          },
        });
        return bodyOf(answer)['result'] === 'allow' ? names.clientid : undefined;
      },
    };
    const WORKS: Record<string, (derived: string) => Promise<boolean>> = {
      async issued(token) {
        const headers = { authorization: `Bearer ${token}` };
        return (await ask(server.port, '/api/Role', undefined, headers)).status === 200;
      },
      async exchanged(token) {
        const by = server.basic('service', service);
        return (await server.post('/connect/introspect', { token }, by)).body['active'] === true;
      },
      async 'admitted at a broker'(clientid) {
        const question = { username: 'app', clientid, action: 'publish', topic: 'valve/7' };
        return (await devices.ask('/mqtt/acl', question)).body['result'] === 'allow';
      },
    };
    /** Signs tokens that say of themselves what a thief likes. */
    const thief = async (key: ExternalSigningKey, invented: Record<string, unknown>) => {
      const legal = decodeJwt(String((await signIn('stock.read'))['access_token']));
      const acl = JSON.stringify({ all: ['valve/#'] });
      return (aud: string, scope: string): Promise<string> => {
        const base = aud === 'orders' ? { ...legal, jti: newId(), aud, aid: undefined, scope } : undefined;
        const clientId = aud === 'isms' ? 'gatehouse-cli' : 'app';
        const claims = base ?? { ...claimsFor(clientId, aud, scope), acl };
        return sign(key, { ...claims, ...invented }, 'at+jwt');
      };
    };

    const ENDS: Record<string, (kid: string) => Promise<unknown>> = {
      'the key': (kid) => admin.done('POST', `/api/Key/${kid}/Revoke`),
      'the client': () =>
        server.change(async (db) => {
          for (const clientId of ['app', 'gatehouse-cli'])
            for (const enabled of [false, true]) await setClientEnabled(db, clientId, enabled);
        }),
      'the tenant': () => server.change((db) => revokeAllOf(db, 'tenant')),
    };
    for (const [how, derive] of Object.entries(DERIVE))
      it(`ends with all that was ${how} by it, whatever revocations its tokens say that they have seen [SEC-R12]`, async () => {
        for (const [what, end] of Object.entries(ENDS)) {
          const kid = await current('RS256');
          const forge = await thief(keyOf(await steal(), kid), { gen: 9e15 });
          const derived = (await derive(server.port, forge)) ?? '';
          assert.equal(await WORKS[how]?.(derived), true, `before the end of ${what}`);
          await end(kid);
          assert.equal(await WORKS[how]?.(derived), false, `after the end of ${what}`);
          await renewAdmin();
        }
      });

    for (const [how, derive] of Object.entries(DERIVE))
      it(`gives nothing that is ${how} on a node that has not seen yet that it is revoked [SEC-R12]`, async () => {
        await other.refresh();
        const kid = await current('RS256');
        const forge = await thief(keyOf(await steal(), kid), {});
        assert.ok(await derive(other.port, forge));
        await server.context.store
          .knex('signing_keys')
          .where({ kid })
          .update({ state: 'revoked', sealed_private_jwk: '' });
        assert.equal(await derive(other.port, forge), undefined);
        await admin.done('POST', '/api/Key/Rotate', { compromised: true });
        await other.refresh();
      });

    it('signs no token whose own claims are not such as the server writes [SEC-R12]', async () => {
      const keys = await steal();
      const key = keyOf(keys, await current('RS256'));
      for (const invented of [
        { gen: 'zzz' },
        { gen: 1.5 },
        { gen: null },
        { origin: '' },
        { origin: [7] },
        { origin_session: {} },
        { gid: 7 },
        { client_id: ['gatehouse-cli'] },
      ]) {
        const forged = await (await thief(key, invented))('isms', 'isms.all');
        const headers = { authorization: `Bearer ${forged}` };
        const answer = await ask(server.port, '/api/Role', undefined, headers);
        assert.equal(answer.status, 401, JSON.stringify(invented));
      }
    });

    it('has its private half no longer in the store', async () => {
      const rows = await server.context.store
        .knex('signing_keys')
        .where({ state: 'revoked' })
        .select<{ sealed_private_jwk: string }[]>('sealed_private_jwk');
      assert.ok(rows.length > 0);
      assert.deepEqual(new Set(rows.map((row) => row.sealed_private_jwk)), new Set(['']));
    });

    it('makes no hint: neither to sign in without a page, nor to sign out without a question [SEC-R12]', async () => {
      const visitor = new Visitor(server.issuer);
      const { code, verifier } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: APP,
        scope: 'openid',
        visitor,
      });
      const redeemed = await server.post(
        '/connect/token',
        redeemForm({ clientId: 'app', redirectUri: APP }, { code, verifier }),
        server.basic('app', app),
      );
      const own = String(redeemed.body['id_token']);
      const keys = await steal();
      const kid = String(decodeProtectedHeader(own).kid);
      const forged = await sign(keyOf(keys, kid), decodeJwt(own), 'JWT');
      const silent = (hint: string) =>
        visitor.go(
          authorizePath({
            client_id: 'app',
            redirect_uri: APP,
            scope: 'openid',
            prompt: 'none',
            id_token_hint: hint,
          }),
        );
      const signOut = (hint: string) =>
        visitor.go(`/connect/endsession?${new URLSearchParams({ id_token_hint: hint }).toString()}`);
      assert.ok((await silent(forged)).url.searchParams.has('code'));
      await admin.done('POST', `/api/Key/${kid}/Revoke`);
      for (const hint of [own, forged]) {
        const { url } = await silent(hint);
        assert.deepEqual(
          [url.searchParams.get('code'), url.searchParams.get('error')],
          [null, 'invalid_request'],
        );
        assert.equal((await signOut(hint)).status, 400);
      }
    });

    it('ends what devices may do that signed in with a token by it [SEC-R12]', async () => {
      const keys = await steal();
      const kid = await current('ES256');
      const acl = JSON.stringify({ all: ['valve/#'] });
      const token = await sign(
        keyOf(keys, kid),
        { ...claimsFor('app', 'mqtt', 'mqtt.connect'), acl },
        'at+jwt',
      );
      const names = { username: 'app', clientid: 'thief' };
      assert.equal((await devices.ask('/mqtt/auth', { ...names, password: token })).body['result'], 'allow');
      const may = async (): Promise<unknown> =>
        (await devices.ask('/mqtt/acl', { ...names, action: 'publish', topic: 'valve/7' })).body['result'];
      assert.equal(await may(), 'allow');
      await admin.done('POST', `/api/Key/${kid}/Revoke`);
      assert.equal(await may(), 'deny');
    });

    it('does not end refresh tokens: applications get new tokens with them', async () => {
      const { refresh_token: refreshToken, access_token: accessToken } =
        await signIn('offline_access stock.read');
      await admin.done('POST', '/api/Key/Rotate', { compromised: true });
      const introspect = async (token: unknown): Promise<unknown> =>
        (await server.post('/connect/introspect', { token: String(token) }, server.basic('app', app))).body[
          'active'
        ];
      assert.equal(await introspect(accessToken), false);
      const { status, body } = await server.post(
        '/connect/token',
        { grant_type: 'refresh_token', refresh_token: String(refreshToken) },
        server.basic('app', app),
      );
      assert.equal(status, 200);
      assert.equal(await introspect(body['access_token']), true);
    });

    it('is revoked twice without harm, and one that is nowhere is 404', async () => {
      const revoked = (await list()).find(({ state }) => state === 'revoked');
      const before = await list();
      await admin.done('POST', `/api/Key/${revoked?.id}/Revoke`);
      assert.deepEqual(await list(), before);
      assert.equal((await admin.ask('POST', '/api/Key/nowhere/Revoke')).status, 404);
    });
  });
