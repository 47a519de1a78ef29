import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { endGrants, endSessions } from '../../src/oidc/index.js';
import { revokeFamilyIn } from '../../src/revocations/index.js';
import { setUserEnabled, type User } from '../../src/users/index.js';
import { administrator } from '../support/area.js';
import { STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { startServer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const ISSUE = 'isms.client.issuetoken';
const LONGEST = 86_400;

/** What a derived token is derived from, and whether it works. */
interface Derivation {
  token: string;
  source: { gid: string; sid?: string; fid?: string; exp: number };
  works(): Promise<boolean>;
}

for (const kind of STORES)
  describe(`what is derived from a token, on ${kind}`, () => {
    let server: TestServer;
    let devices: DeviceApi;
    let service: string;
    let users = 0;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      devices = await deviceApi(server);
      await devices.call('POST', 'acl/$all', { topic: 'own', action: 'pub', access: 'allow' });
      await server.addApi('orders', ['orders.read', 'orders.write']);
      await server.addApi('mqtt', ['mqtt.connect']);
      const scopes = ['openid', 'offline_access', 'orders.read', 'orders.write', 'mqtt.connect', ISSUE];
      for (const clientId of ['app', 'other-app'])
        await server.addClient(clientId, {
          grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
          redirectUris: [REDIRECT],
          scopes,
          tokenEndpointAuthMethod: 'none',
          requireConsent: false,
          endOfflineAccessOnSignOut: true,
        });
      service = await server.addClient('service', {
        grantTypes: [GRANT_TYPES.tokenExchange, GRANT_TYPES.clientCredentials],
        scopes: ['orders.read', 'orders.write', ISSUE],
        resources: ['orders', 'isms'],
      });
    });
    after(() => server.stop());

    const addUser = (): Promise<User> =>
      server.addUser({
        userName: `user-${++users}`,
        claims: [{ type: 'permission', value: ISSUE }],
      });
    const signIn = async (
      { userName }: User,
      scope: string,
      clientId = 'app',
    ): Promise<Record<string, string>> => {
      const asked = { clientId, redirectUri: REDIRECT, scope: `openid ${scope}`, user: userName };
      const code = await obtainCode(server, asked);
      const { body } = await server.post('/connect/token', redeemForm(asked, code));
      assert.ok(body['access_token'], JSON.stringify(body));
      return body as Record<string, string>;
    };
    const claimsOf = (token: unknown) => decodeJwt<Derivation['source']>(String(token));

    const tryExchange = (subject: unknown, more: Record<string, string> = {}) =>
      server.post(
        '/connect/token',
        {
          grant_type: GRANT_TYPES.tokenExchange,
          subject_token: String(subject),
          subject_token_type: ACCESS_TOKEN,
          ...more,
        },
        server.basic('service', service),
      );
    const exchange = async (subject: unknown, more: Record<string, string> = {}): Promise<string> => {
      const { body } = await tryExchange(subject, more);
      assert.ok(body['access_token'], JSON.stringify(body));
      return body['access_token'] as string;
    };
    const api = (method: string, path: string, token: string, body?: unknown): Promise<Response> =>
      fetch(`${server.issuer}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const issue = async (token: string): Promise<string> => {
      const answer = await api('POST', '/api/Client/IssueToken', token, { lifetime: LONGEST });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      return (JSON.parse(text) as { data: { accessToken: string } }).data.accessToken;
    };
    const opensApi = async (token: string): Promise<boolean> =>
      (await api('GET', '/api/Client/IssuedTokens', token)).status === 200;
    const isActive = async (token: string): Promise<boolean> => {
      const { body } = await server.post('/connect/introspect', { token }, server.basic('service', service));
      return body['active'] === true;
    };

    const WAYS: Record<string, (user: User) => Promise<Derivation>> = {
      async issued(user) {
        const { access_token: subject = '' } = await signIn(user, ISSUE);
        const token = await issue(subject);
        return { token: subject, source: claimsOf(subject), works: () => opensApi(token) };
      },
      async exchanged(user) {
        const { access_token: subject = '' } = await signIn(user, 'orders.read');
        const token = await exchange(subject);
        return { token: subject, source: claimsOf(subject), works: () => isActive(token) };
      },
      async 'exchanged twice'(user) {
        const { access_token: subject = '' } = await signIn(user, 'orders.read');
        const token = await exchange(await exchange(subject));
        return { token: subject, source: claimsOf(subject), works: () => isActive(token) };
      },
      async 'issued from an exchanged one'(user) {
        const { access_token: subject = '' } = await signIn(user, ISSUE);
        const token = await issue(await exchange(subject));
        return { token: subject, source: claimsOf(subject), works: () => opensApi(token) };
      },
      async refreshed(user) {
        const tokens = await signIn(user, 'orders.read offline_access');
        const form = {
          grant_type: 'refresh_token',
          client_id: 'app',
          refresh_token: tokens['refresh_token'] ?? '',
        };
        const token = String((await server.post('/connect/token', form)).body['access_token']);
        return {
          token: tokens['access_token'] ?? '',
          source: claimsOf(tokens['access_token']),
          works: () => isActive(token),
        };
      },
      async 'admitted at a broker'(user) {
        const { access_token: subject = '' } = await signIn(user, 'mqtt.connect');
        const names = { username: user.userName, clientid: `of ${user.userName}` };
        await devices.ask('/mqtt/auth', { ...names, password: subject });
        const question = { ...names, action: 'publish', topic: 'own' };
        return {
          token: subject,
          source: claimsOf(subject),
          works: async () => (await devices.ask('/mqtt/acl', question)).body['result'] === 'allow',
        };
      },
    };

    const ENDS: Record<string, (user: User, source: Derivation['source']) => Promise<void>> = {
      grant: ({ userKey }) => server.change(async (db) => void (await endGrants(db, userKey, 'app'))),
      session: ({ userKey }) =>
        server.change(async (db) => void (await endSessions(db, userKey, {}, LONGEST))),
      family: (_user, { gid, sid, fid, exp }) =>
        server.change((db) => revokeFamilyIn(db, `${gid}.${sid ?? fid}`, exp * 1000)),
      user: ({ userName }) =>
        server.change(async (db) => {
          await setUserEnabled(db, userName, false);
          await setUserEnabled(db, userName, true);
        }),
      client: async () => {
        for (const enabled of [false, true])
          await server.change((db) => setClientEnabled(db, 'app', enabled));
      },
    };

    for (const [how, derive] of Object.entries(WAYS))
      it(`ends with the source’s grant, session, family, user and client: ${how} [SEC-R7]`, async () => {
        for (const [what, end] of Object.entries(ENDS)) {
          const user = await addUser();
          const { source, works } = await derive(user);
          assert.equal(await works(), true, `before the end of the ${what}`);
          await end(user, source);
          assert.equal(await works(), false, `after the end of the ${what}`);
        }
      });

    for (const [how, derive] of Object.entries(WAYS).filter(([way]) => way !== 'refreshed'))
      it(`ends with the token that it was derived from, when that alone is revoked: ${how} [SEC-R7]`, async () => {
        const { token, works } = await derive(await addUser());
        assert.equal(await works(), true);
        const { status } = await server.post('/connect/revocation', { token, client_id: 'app' });
        assert.equal(status, 200);
        assert.equal(await works(), false);
      });

    it('names the token that it was derived from by its id', async () => {
      const { access_token: subject = '' } = await signIn(await addUser(), 'orders.read');
      const token = await exchange(subject);
      const { origin, origin_token: tokens } = decodeJwt<Record<string, string[]>>(token);
      assert.deepEqual([origin?.length, tokens], [1, [decodeJwt(subject).jti]]);
    });

    it('keeps the actors and the sources of an exchanged token, and lives no longer, when it is issued [SEC-R7]', async () => {
      const { access_token: subject } = await signIn(await addUser(), ISSUE);
      const form = { grant_type: 'client_credentials', scope: 'orders.read' };
      const own = await server.post('/connect/token', form, server.basic('service', service));
      const actor = { actor_token: String(own.body['access_token']), actor_token_type: ACCESS_TOKEN };
      const exchanged = decodeJwt(await exchange(subject, actor));
      const issued = decodeJwt(await issue(await exchange(subject, actor)));
      assert.deepEqual(issued['act'], { sub: 'service', client_id: 'service' });
      assert.deepEqual(issued['origin'], exchanged['origin']);
      assert.deepEqual(issued['origin_session'], exchanged['origin']);
      assert.ok((issued.exp ?? Infinity) <= claimsOf(subject).exp);
    });

    it('works when it is issued after a key was revoked that did not sign its source [SEC-R7]', async () => {
      const { access_token: subject = '' } = await signIn(await addUser(), ISSUE);
      const admin = await administrator(server);
      const keys = (await admin.ask('GET', '/api/Key')).body['data'] as Record<string, string>[];
      const other = keys.find(({ alg, state }) => alg === 'RS256' && state === 'current');
      await admin.done('POST', `/api/Key/${other?.['id']}/Revoke`);
      assert.equal(await opensApi(await issue(subject)), true);
    });

    it('lives as long as it was asked for when it is issued to who signed in', async () => {
      const { access_token: subject = '' } = await signIn(await addUser(), ISSUE);
      const { iat = 0, exp = 0 } = decodeJwt(await issue(subject));
      assert.equal(exp - iat, LONGEST);
    });

    const setScopes = (clientId: string, change: (had: string[]) => string[]): Promise<void> =>
      server.change(async (db) => {
        const one = db.from('clients').where({ client_id: clientId });
        const row = (await one.clone().first()) as { settings: string };
        const settings = JSON.parse(row.settings) as { scopes: string[] };
        settings.scopes = change(settings.scopes);
        await one.clone().update({ settings: JSON.stringify(settings) });
      });

    it('has no scope by exchange that was taken from the subject’s client, or from the API [SEC-R7]', async () => {
      const { access_token: subject } = await signIn(
        await addUser(),
        'orders.read orders.write',
        'other-app',
      );
      const scopes = async (): Promise<unknown> => (await tryExchange(subject)).body['scope'];
      assert.equal(await scopes(), 'orders.read orders.write');
      await setScopes('other-app', (had) => had.filter((word) => word !== 'orders.write'));
      assert.equal(await scopes(), 'orders.read');
      assert.equal((await tryExchange(subject, { scope: 'orders.write' })).body['error'], 'invalid_scope');
    });

    it('has no scope any more that was taken from a client whose token it was derived from, however far back [SEC-R7]', async () => {
      const user = await addUser();
      await setScopes('other-app', (had) => [...new Set([...had, 'orders.write'])]);
      const { access_token: subject } = await signIn(user, 'orders.read orders.write', 'other-app');
      const once = await exchange(subject);
      const twice = await exchange(once);
      const scopesOf = async (token: string): Promise<unknown> =>
        (await server.post('/connect/introspect', { token }, server.basic('service', service))).body['scope'];
      for (const token of [once, twice]) assert.equal(await scopesOf(token), 'orders.read orders.write');
      await setScopes('other-app', (had) => had.filter((word) => word !== 'orders.write'));
      for (const token of [once, twice]) {
        assert.equal(await scopesOf(token), 'orders.read');
        assert.equal((await tryExchange(token)).body['scope'], 'orders.read');
        const wanted = await tryExchange(token, { scope: 'orders.write' });
        assert.equal(wanted.body['error'], 'invalid_scope');
      }
    });

    it('opens nothing at the management API that was taken from a client whose token it was derived from [SEC-R7]', async () => {
      const { access_token: subject } = await signIn(await addUser(), ISSUE, 'other-app');
      const token = await exchange(subject);
      const issued = await issue(token);
      for (const each of [token, issued]) assert.equal(await opensApi(each), true);
      await setScopes('other-app', (had) => had.filter((word) => word !== ISSUE));
      for (const each of [token, issued]) assert.equal(await opensApi(each), false);
      await setScopes('other-app', (had) => [...had, ISSUE]);
    });
  });
