import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { endGrants } from '../../src/oidc/index.js';
import { eraseUser, findUser, setPassword, setUserEnabled, type User } from '../../src/users/index.js';
import { administrator } from '../support/area.js';
import { GENEROUS, STORES } from '../support/config.js';
import { often } from '../support/profile.js';
import { newDpopKey, proofOf } from '../support/dpop.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';

const RACES = often({ short: 5, long: 50 });
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

for (const kind of STORES)
  for (const accessTokenFormat of ['jwt', 'opaque'] as const)
    describe(`token exchange, with ${accessTokenFormat} tokens on ${kind}`, () => {
      let server: TestServer;
      const secrets = new Map<string, string>();

      before(async () => {
        server = await startServer(kind, {}, GENEROUS);
        await server.addApi('orders', ['orders.read', 'orders.write'], { accessTokenFormat });
        await server.addApi('stock', ['stock.read'], { accessTokenFormat });
        await server.addClient('app', {
          grantTypes: [GRANT_TYPES.password, GRANT_TYPES.refresh],
          scopes: ['openid', 'offline_access', 'orders.read', 'orders.write', 'stock.read'],
          tokenEndpointAuthMethod: 'none',
        });
        const service = {
          grantTypes: [GRANT_TYPES.tokenExchange, GRANT_TYPES.clientCredentials],
          scopes: ['orders.read', 'orders.write', 'stock.read'],
          resources: ['orders'],
        };
        secrets.set('orders-api', await server.addClient('orders-api', service));
        secrets.set('reader', await server.addClient('reader', { ...service, scopes: ['orders.read'] }));
        secrets.set('stranger', await server.addClient('stranger', { ...service, resources: ['stock'] }));
        secrets.set(
          'not-given',
          await server.addClient('not-given', { ...service, grantTypes: [GRANT_TYPES.clientCredentials] }),
        );
        const desk = { ...service, grantTypes: [...service.grantTypes, GRANT_TYPES.password] };
        secrets.set('desk', await server.addClient('desk', desk));
        await server.addUser({ userName: 'alice' });
      });
      after(() => server.stop());

      const as = (clientId: string): Record<string, string> =>
        server.basic(clientId, secrets.get(clientId) ?? '');
      const usersTokens = async (
        scope = 'orders.read orders.write',
        user = 'alice',
        headers: Record<string, string> = {},
      ): Promise<Record<string, unknown>> => {
        const form = { grant_type: 'password', client_id: 'app', username: user, password: PASSWORD, scope };
        const { status, body } = await server.post('/connect/token', form, headers);
        assert.equal(status, 200, JSON.stringify(body));
        return body;
      };
      const usersToken = async (scope?: string, user?: string): Promise<string> =>
        String((await usersTokens(scope, user))['access_token']);
      const ownToken = async (clientId: string): Promise<string> => {
        const form = { grant_type: 'client_credentials', scope: 'orders.read' };
        return String((await server.post('/connect/token', form, as(clientId))).body['access_token']);
      };
      const exchange = (
        clientId: string,
        subject: string,
        more: Record<string, string> = {},
        headers: Record<string, string> = {},
      ): Promise<Answer> =>
        server.post(
          '/connect/token',
          {
            grant_type: GRANT_TYPES.tokenExchange,
            subject_token: subject,
            subject_token_type: ACCESS_TOKEN,
            ...more,
          },
          { ...as(clientId), ...headers },
        );
      const introspect = async (token: unknown): Promise<Record<string, unknown>> =>
        (await server.post('/connect/introspect', { token: String(token) }, as('orders-api'))).body;

      it('gives a service a token to go on with as the user, with less and never more', async () => {
        const subject = await usersToken();
        const { status, body } = await exchange('orders-api', subject, { scope: 'orders.read' });
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body['issued_token_type'], ACCESS_TOKEN);
        assert.equal(body['scope'], 'orders.read');
        assert.equal(body['refresh_token'], undefined);
        const [before, after] = [await introspect(subject), await introspect(body['access_token'])];
        assert.deepEqual(
          { active: after['active'], sub: after['sub'], aud: after['aud'], client_id: after['client_id'] },
          { active: true, sub: before['sub'], aud: 'orders', client_id: 'orders-api' },
        );
        assert.ok(Number(after['exp']) <= Number(before['exp']));
        assert.equal(after['act'], undefined);
      });

      it('says who acts where an actor token comes with it, and who acted before', async () => {
        const actor = { actor_token: await ownToken('orders-api'), actor_token_type: ACCESS_TOKEN };
        const first = await exchange('orders-api', await usersToken(), actor);
        assert.deepEqual((await introspect(first.body['access_token']))['act'], {
          sub: 'orders-api',
          client_id: 'orders-api',
        });
        const next = { actor_token: await ownToken('reader'), actor_token_type: ACCESS_TOKEN };
        const second = await exchange('reader', String(first.body['access_token']), next);
        assert.deepEqual((await introspect(second.body['access_token']))['act'], {
          sub: 'reader',
          client_id: 'reader',
          act: { sub: 'orders-api', client_id: 'orders-api' },
        });
      });

      it('refuses a scope that the token or the client does not have, and another audience', async () => {
        const subject = await usersToken('orders.read');
        for (const [clientId, more, error] of [
          ['orders-api', { scope: 'orders.write' }, 'invalid_scope'],
          ['orders-api', { scope: 'stock.read' }, 'invalid_scope'],
          ['orders-api', { resource: 'urn:resource:stock' }, 'invalid_target'],
          ['orders-api', { audience: 'stock' }, 'invalid_target'],
        ] as const)
          assert.equal((await exchange(clientId, subject, more)).body['error'], error);
        const writer = await usersToken('orders.write');
        assert.equal((await exchange('reader', writer)).body['error'], 'invalid_scope');
      });

      it('refuses a client that was not given the grant, or has nothing to do with the token', async () => {
        const subject = await usersToken();
        assert.equal((await exchange('not-given', subject)).body['error'], 'unauthorized_client');
        assert.equal((await exchange('stranger', subject)).body['error'], 'invalid_request');
      });

      it('refuses what is no user’s token, no token, or another’s actor token', async () => {
        const subject = await usersToken();
        const { refresh_token: refreshToken } = await usersTokens('orders.read offline_access');
        for (const wrong of [await ownToken('orders-api'), 'nonsense', 'a.b.c', String(refreshToken)])
          assert.equal((await exchange('orders-api', wrong)).body['error'], 'invalid_request');
        for (const more of [
          { actor_token: await ownToken('reader'), actor_token_type: ACCESS_TOKEN },
          { actor_token: subject, actor_token_type: ACCESS_TOKEN },
          { actor_token: 'nonsense', actor_token_type: ACCESS_TOKEN },
          { actor_token: subject },
          { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
          { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
        ])
          assert.equal((await exchange('orders-api', subject, more)).body['error'], 'invalid_request');
      });

      it('binds what it gives where the user’s token is bound', async () => {
        const url = `${server.issuer}/connect/token`;
        const [users, own] = [await newDpopKey(), await newDpopKey()];
        const { access_token: subject } = await usersTokens('orders.read', 'alice', {
          dpop: await proofOf(users, 'POST', url),
        });
        assert.equal((await exchange('orders-api', String(subject))).body['error'], 'invalid_request');
        const bound = await exchange(
          'orders-api',
          String(subject),
          {},
          { dpop: await proofOf(own, 'POST', url) },
        );
        assert.equal(bound.body['token_type'], 'DPoP');
        const { cnf } = await introspect(bound.body['access_token']);
        assert.deepEqual(cnf, { jkt: own.thumbprint });
      });

      it('gives tokens that end with what they came of [SEC-X10]', async () => {
        const tokens = await usersTokens('orders.read offline_access');
        const { body } = await exchange('orders-api', String(tokens['access_token']));
        const second = await exchange('reader', String(body['access_token']));
        for (const token of [body, second.body])
          assert.equal((await introspect(token['access_token']))['active'], true);
        await server.post('/connect/revocation', {
          client_id: 'app',
          token: String(tokens['refresh_token']),
        });
        for (const token of [body, second.body])
          assert.equal((await introspect(token['access_token']))['active'], false);
      });

      it('gives tokens that end with the token that they were issued for, when that alone is revoked [SEC-R7]', async () => {
        const revoke = async (
          token: string,
          by: Record<string, string>,
          clientId?: string,
        ): Promise<void> => {
          const headers = clientId === undefined ? {} : as(clientId);
          const { status } = await server.post('/connect/revocation', { token, ...by }, headers);
          assert.equal(status, 200);
        };
        const chain = async (): Promise<[string, string, string]> => {
          const subject = await usersToken('orders.read');
          const first = String((await exchange('orders-api', subject)).body['access_token']);
          return [subject, first, String((await exchange('reader', first)).body['access_token'])];
        };
        const active = (tokens: string[]): Promise<unknown[]> =>
          Promise.all(tokens.map(async (token) => (await introspect(token))['active']));
        const [before, between] = [await chain(), await chain()];
        assert.deepEqual(await active([...before, ...between]), Array(6).fill(true));
        await revoke(before[0], { client_id: 'app' });
        assert.deepEqual(await active(before), [false, false, false]);
        await revoke(between[1], {}, 'orders-api');
        assert.deepEqual(await active(between), [true, false, false]);
      });

      it('gives tokens that outlast another token of the same sign-in', async () => {
        const tokens = await usersTokens('orders.read offline_access');
        const { body } = await exchange('orders-api', String(tokens['access_token']));
        const form = { grant_type: 'refresh_token', client_id: 'app' };
        const refreshed = await server.post('/connect/token', {
          ...form,
          refresh_token: String(tokens['refresh_token']),
        });
        const other = String(refreshed.body['access_token']);
        await server.post('/connect/revocation', { client_id: 'app', token: other });
        assert.equal((await introspect(other))['active'], false);
        assert.equal((await introspect(body['access_token']))['active'], true);
      });

      it('takes no actor token that has ended with its grant, user or client, or alone [SEC-R7]', async () => {
        const ends: Record<string, (token: string, actor: User) => Promise<unknown>> = {
          alone: (token) => server.post('/connect/revocation', { token }, as('desk')),
          grant: (_token, { userKey }) =>
            server.change(async (db) => void (await endGrants(db, userKey, 'desk'))),
          user: (_token, { userName }) => server.change((db) => setUserEnabled(db, userName, false)),
          client: async () => {
            for (const enabled of [false, true])
              await server.change((db) => setClientEnabled(db, 'desk', enabled));
          },
        };
        for (const [what, end] of Object.entries(ends)) {
          const actor = await server.addUser({ userName: `clerk-${what}` });
          const form = { grant_type: 'password', username: actor.userName, password: PASSWORD };
          const { body } = await server.post('/connect/token', { ...form, scope: 'orders.read' }, as('desk'));
          const token = String(body['access_token']);
          const tried = async (): Promise<Answer> =>
            exchange('desk', await usersToken('orders.read'), {
              actor_token: token,
              actor_token_type: ACCESS_TOKEN,
            });
          assert.equal((await tried()).status, 200, `before the end: ${what}`);
          await end(token, actor);
          assert.equal((await tried()).body['error'], 'invalid_request', `after the end: ${what}`);
        }
      });

      /** A token of a user's that was issued to the client that exchanges. */
      const actorToken = async (userName: string): Promise<string> => {
        const form = { grant_type: 'password', username: userName, password: PASSWORD, scope: 'orders.read' };
        return String((await server.post('/connect/token', form, as('desk'))).body['access_token']);
      };
      const acting = (token: string): Record<string, string> => ({
        actor_token: token,
        actor_token_type: ACCESS_TOKEN,
      });

      const ACTOR_ENDS: Record<string, (token: string, actor: User) => Promise<unknown>> = {
        'is revoked alone': (token) => server.post('/connect/revocation', { token }, as('desk')),
        'loses its grant': (_token, { userKey }) =>
          server.change(async (db) => void (await endGrants(db, userKey, 'desk'))),
        'is of a user who is disabled': (_token, { userName }) =>
          server.change((db) => setUserEnabled(db, userName, false)),
        'is of a user who is erased': (_token, { userName }) =>
          server.change(async (db) => eraseUser(db, await findUser(db, userName))),
      };
      for (const [what, end] of Object.entries(ACTOR_ENDS))
        it(`gives tokens that end when the actor token ${what}, also through another actor [SEC-R7]`, async () => {
          const actor = await server.addUser({
            userName: `actor-${accessTokenFormat}-${what.replaceAll(' ', '-')}`,
          });
          const token = await actorToken(actor.userName);
          const first = await exchange('desk', await usersToken('orders.read'), acting(token));
          const chained = await exchange('desk', String(first.body['access_token']));
          // The token of another user who is acted for, with which that user acts.
          const delegated = await exchange('desk', await actorToken('alice'), acting(token));
          const behind = await exchange(
            'desk',
            await usersToken('orders.read'),
            acting(String(delegated.body['access_token'])),
          );
          const active = async (): Promise<unknown[]> => {
            const told: unknown[] = [];
            for (const { body } of [first, chained, behind])
              told.push((await introspect(body['access_token']))['active']);
            return told;
          };
          assert.deepEqual(await active(), [true, true, true]);
          await end(token, actor);
          assert.deepEqual(await active(), [false, false, false]);
        });

      it('gives tokens that end when a client’s own actor token is revoked [SEC-R7]', async () => {
        const token = await ownToken('orders-api');
        const { body } = await exchange('orders-api', await usersToken(), acting(token));
        assert.equal((await introspect(body['access_token']))['active'], true);
        await server.post('/connect/revocation', { token }, as('orders-api'));
        assert.equal((await introspect(body['access_token']))['active'], false);
      });

      it('gives tokens that outlast another token of the actor', async () => {
        const [token, other] = [await actorToken('alice'), await actorToken('alice')];
        const { body } = await exchange('desk', await usersToken(), acting(token));
        await server.post('/connect/revocation', { token: other }, as('desk'));
        assert.equal((await introspect(body['access_token']))['active'], true);
      });

      it('refuses an actor behind whom too many others act [SEC-R7]', async () => {
        const next = async (at: number): Promise<string> => {
          const { userName } = await server.addUser({ userName: `behind-${at}` });
          return actorToken(userName);
        };
        let actor = await next(0);
        for (let at = 1; at <= 5; at++) {
          const { status, body } = await exchange('desk', await next(at), acting(actor));
          assert.equal(status, 200, String(at));
          actor = String(body['access_token']);
        }
        const { body } = await exchange('desk', await next(6), acting(actor));
        assert.match(String(body['error_description']), /exchanged too often/);
      });

      it('gives tokens that end with the user', async () => {
        await server.addUser({ userName: 'gone' });
        const { body } = await exchange('orders-api', await usersToken('orders.read', 'gone'));
        await server.change((db) => setUserEnabled(db, 'gone', false));
        assert.equal((await introspect(body['access_token']))['active'], false);
      });

      const toggle = async (clientId: string): Promise<void> => {
        for (const enabled of [false, true])
          await server.change((db) => setClientEnabled(db, clientId, enabled));
      };
      /** What ends tokens, but not those of `survivor`, which are there before it happens. */
      const EARLIER: Record<string, { survivor: 'actor' | 'subject'; end(user: User): Promise<void> }> = {
        'the user’s password was changed': {
          survivor: 'actor',
          async end({ userName }) {
            const hash = await server.context.passwords.hash(PASSWORD);
            await server.change((db) => setPassword(db, userName, hash));
          },
        },
        'the user’s client was disabled and enabled': { survivor: 'actor', end: () => toggle('app') },
        'its own client was disabled and enabled': { survivor: 'subject', end: () => toggle('desk') },
        'a key that signed neither token was revoked': {
          survivor: 'subject',
          async end() {
            const admin = await administrator(server);
            const keys = (await admin.ask('GET', '/api/Key')).body['data'] as Record<string, string>[];
            const key = keys.find(({ alg, state }) => alg === 'RS256' && state === 'current');
            await admin.done('POST', `/api/Key/${key?.['id']}/Revoke`);
          },
        },
      };
      for (const [what, { survivor, end }] of Object.entries(EARLIER))
        it(`gives tokens that work although ${what} before [SEC-R7]`, async () => {
          const name = `${survivor}-${Object.keys(EARLIER).indexOf(what)}`;
          const [user, clerk] = await Promise.all([
            server.addUser({ userName: `user-of-${name}` }),
            server.addUser({ userName: `clerk-of-${name}` }),
          ]);
          const subjectToken = (): Promise<string> => usersToken('orders.read', user.userName);
          const actors = async (): Promise<string[]> => [
            await ownToken('desk'),
            await actorToken(clerk.userName),
          ];
          const [oldSubject, oldActors] = [await subjectToken(), await actors()];
          await end(user);
          const subject = survivor === 'subject' ? oldSubject : await subjectToken();
          const kept = survivor === 'actor' ? oldActors : [];
          const given: unknown[] = [];
          for (const more of [{}, ...[...kept, ...(await actors())].map(acting)]) {
            const { status, body } = await exchange('desk', subject, more);
            given.push([status, (await introspect(body['access_token']))['active']]);
          }
          assert.deepEqual(
            given,
            given.map(() => [200, true]),
          );
        });

      it('gives a token that has ended where its user ended while it was being given [SEC-R34]', async () => {
        const { people } = server.context;
        const { active } = people;
        const ended: unknown[] = [];
        for (const whose of ['subject', 'actor']) {
          const [user, clerk] = await Promise.all([
            server.addUser({ userName: `ending-${whose}` }),
            server.addUser({ userName: `ending-${whose}-clerk` }),
          ]);
          const end = whose === 'subject' ? user : clerk;
          const subject = await usersToken('orders.read', user.userName);
          const actor = acting(await actorToken(clerk.userName));
          // The user is looked up after the token is checked, and before anything is given.
          people.active = async (tenantId, userKey) => {
            const found = await active(tenantId, userKey);
            if (userKey !== end.userKey) return found;
            people.active = active;
            for (const enabled of [false, true])
              await server.change(async (db) => void (await setUserEnabled(db, end.userName, enabled)));
            return found;
          };
          const { status, body } = await exchange('desk', subject, actor);
          ended.push([status, (await introspect(body['access_token']))['active']]);
        }
        assert.deepEqual(ended, [
          [200, false],
          [200, false],
        ]);
      });

      it('gives no token that outlives a revocation that happens at the same time [SEC-R34]', async () => {
        const outlive: string[] = [];
        const ends: Record<string, (user: User, clerk: User) => Promise<void>> = {
          user: async ({ userName }) => {
            for (const enabled of [false, true])
              await server.change((db) => setUserEnabled(db, userName, enabled));
          },
          actor: async (_user, { userName }) => {
            for (const enabled of [false, true])
              await server.change((db) => setUserEnabled(db, userName, enabled));
          },
          client: () => toggle('app'),
        };
        for (const [what, end] of Object.entries(ends))
          for (let at = 0; at < RACES; at++) {
            const [user, clerk] = await Promise.all([
              server.addUser({ userName: `raced-${what}-${at}` }),
              server.addUser({ userName: `raced-clerk-${what}-${at}` }),
            ]);
            const subject = await usersToken('orders.read', user.userName);
            const actor = acting(await actorToken(clerk.userName));
            const [{ body }] = await Promise.all([exchange('desk', subject, actor), end(user, clerk)]);
            if ((await introspect(body['access_token']))['active'] === true) outlive.push(what);
          }
        assert.deepEqual(outlive, []);
      });

      it('is in the audit log: who acted, for whom, from which client', async () => {
        const subject = await usersToken();
        const actor = { actor_token: await ownToken('orders-api'), actor_token_type: ACCESS_TOKEN };
        await exchange('orders-api', subject, { ...actor, scope: 'orders.read' });
        const row = (await server.context.store
          .knex('audit')
          .where({ event: 'grant.token_exchange' })
          .orderBy('id', 'desc')
          .first()) as Record<string, string>;
        const sub = accessTokenFormat === 'jwt' ? decodeJwt(subject).sub : (await introspect(subject))['sub'];
        assert.deepEqual([row['actor'], row['client_id'], row['target']], ['orders-api', 'orders-api', sub]);
        assert.deepEqual(JSON.parse(row['detail'] ?? ''), {
          kind: 'delegation',
          from: 'app',
          scope: ['orders.read'],
        });
      });
    });
