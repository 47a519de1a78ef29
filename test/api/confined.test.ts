import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { STORES } from '../support/config.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { bodyOf, send } from '../support/http.js';
import { importedLines, clientToken, userToken, type ApiAnswer } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const MAY = ['isms.client.all', 'isms.apiresource.all', 'isms.role.all', 'isms.user.all'];
const CALLBACK = 'https://app.example.com/callback';
const SHOP = { template: 'web', redirectUris: [CALLBACK] };
const PASSWORD_GRANT = 'password';
const MOBILE_CODE = 'urn:gatehouse:grant:mobile_code';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

for (const kind of STORES)
  describe(`a developer who is confined to their own things, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let developer: Caller;
    let token: string;
    let userKey: string;
    let name: string;
    let apis = 0;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      await server.addApi('theirs', ['theirs.read']);
      const [role] = (await admin.ask('GET', '/api/Role?q.name=developer')).body['data'] as [Data];
      const claims = MAY.map((value) => ({ type: 'permission', value }));
      await admin.done('PUT', '/api/Role', { id: role['id'], claims });
    });
    beforeEach(async () => {
      token = await userToken(server, MAY, [], undefined, ['developer']);
      userKey = String(decodeJwt(token).sub);
      developer = caller(server, token);
      name = `mine-${++apis}`;
      await developer.done('POST', '/api/ApiResource', { name, scopes: [{ name: 'read' }] });
    });
    after(() => server.stop());

    const refused = (answer: ApiAnswer, missing: string, what: string): void =>
      assert.deepEqual(
        [answer.status, answer.body['data']],
        [403, { missing, name: what }],
        JSON.stringify(answer.body),
      );
    const machine = (more: object = {}): Promise<Data> =>
      developer.done('POST', '/api/Client', { template: 'machine', ...more });

    it('gives clients the scopes of APIs that they own, scopes about a person, and what they hold', async () => {
      const scopes = ['openid', 'profile', `${name}.read`, 'isms.client.get'];
      const { id } = await developer.done('POST', '/api/Client', { ...SHOP, scopes });
      const changed = await developer.done('PUT', '/api/Client', { id, resources: [name] });
      assert.deepEqual([changed['scopes'], changed['resources']], [scopes, [name]]);
    });

    it('gives no client another’s scopes, nor scopes that are no API’s yet [SEC-R4]', async () => {
      const { id } = await machine();
      for (const scope of ['theirs.read', 'tomorrow.read', `${name}.write`]) {
        const scopes = [`${name}.read`, scope];
        refused(await developer.ask('POST', '/api/Client', { template: 'machine', scopes }), 'owner', scope);
        refused(await developer.ask('PUT', '/api/Client', { id, scopes }), 'owner', scope);
      }
    });

    it('lets no client introspect the tokens of another’s API [SEC-R4]', async () => {
      const { id } = await machine();
      for (const api of ['theirs', 'isms', 'tomorrow']) {
        const resources = [name, api];
        refused(await developer.ask('POST', '/api/Client', { template: 'machine', resources }), 'owner', api);
        refused(await developer.ask('PUT', '/api/Client', { id, resources }), 'owner', api);
      }
    });

    it('changes and deletes their client that an administrator has given more', async () => {
      const { id } = await machine();
      await admin.done('PUT', '/api/Client', { id, scopes: ['theirs.read'], resources: ['theirs'] });
      const { scopes, resources } = await developer.done('PUT', '/api/Client', {
        id,
        description: 'Changed',
      });
      assert.deepEqual([scopes, resources], [['theirs.read'], ['theirs']]);
      await developer.done('DELETE', `/api/Client/${id}`);
    });

    it('makes registration tokens for the scopes of their own APIs only [SEC-R4]', async () => {
      const path = '/api/Client/RegistrationTokens';
      await developer.done('POST', path, { scopes: ['openid', `${name}.read`] });
      refused(await developer.ask('POST', path, { scopes: ['theirs.read'] }), 'owner', 'theirs.read');
    });

    it('sees and ends the registration tokens that they have made, and no others [SEC-R4]', async () => {
      const path = '/api/Client/RegistrationTokens';
      const theirs = await admin.done('POST', path, {});
      const own = await developer.done('POST', path, {});
      const list = (await developer.ask('GET', path)).body['data'] as Data[];
      assert.deepEqual(
        list.map(({ id }) => id as string),
        [own['id']],
      );
      assert.equal((await developer.ask('DELETE', `${path}/${theirs['id']}`)).status, 404);
      assert.equal((await developer.ask('DELETE', `${path}/${own['id']}`)).status, 200);
    });

    const permission = (value: string): { claims: object[] } => ({ claims: [{ type: 'permission', value }] });

    /** What a client sees of the clients with its own token. */
    const seenBy = async (clientId: string, secret: string): Promise<unknown> => {
      const { body } = await tokenFor(server, clientId, secret, { scope: 'isms.client.get' });
      const list = (await caller(server, body['access_token']).ask('GET', '/api/Client')).body['data'];
      return (list as Data[]).map((client) => client['owner'] as unknown);
    };

    it('is not let out by a client that acts for itself [SEC-R4]', async () => {
      const made = await machine({ scopes: ['isms.client.get'] });
      assert.deepEqual(await seenBy(made['clientId'], made['newSecret'].secret), [userKey]);
    });

    const register = async (metadata: object, more: object): Promise<Data> => {
      const opening = await developer.done('POST', '/api/Client/RegistrationTokens', more);
      const heard = await send(new URL('/connect/register', server.issuer), {
        method: 'POST',
        headers: { authorization: `Bearer ${opening['token']}`, 'content-type': 'application/json' },
        body: JSON.stringify(metadata),
      });
      return bodyOf(heard);
    };

    it('is not let out by a client that registers with their token [SEC-R4]', async () => {
      const scope = 'isms.client.get';
      const made = await register({ grant_types: ['client_credentials'], scope }, { scopes: [scope] });
      assert.deepEqual(await seenBy(made['client_id'], made['client_secret']), [userKey]);
    });

    it('widens no client that has registered with their token and that an administrator trusts [SEC-R5]', async () => {
      const metadata = { redirect_uris: [CALLBACK], scope: 'openid' };
      const made = await register(metadata, { scopes: ['openid', 'isms.client.get'] });
      const [{ id }] = (await developer.ask('GET', `/api/Client?q.clientId=${made['client_id']}`)).body[
        'data'
      ] as [Data];
      await admin.done('PUT', '/api/Client', { id, requireConsent: false });
      const heard = await send(new URL(made['registration_client_uri'] as string), {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${made['registration_access_token']}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          client_id: made['client_id'],
          redirect_uris: ['https://mine.example.com/callback'],
          scope: 'openid isms.client.get',
          post_logout_redirect_uris: ['https://mine.example.com/bye'],
          grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
          token_endpoint_auth_method: 'none',
          application_type: 'native',
        }),
      });
      const said: Data = bodyOf(heard);
      assert.deepEqual([heard.status, said['redirect_uris'], said['scope']], [200, [CALLBACK], 'openid']);
      assert.deepEqual(
        [
          said['post_logout_redirect_uris'] ?? [],
          said['grant_types'],
          said['token_endpoint_auth_method'],
          said['application_type'],
        ],
        [[], ['authorization_code'], made['token_endpoint_auth_method'], 'web'],
      );
    });

    it('has a client that can do nothing here when it outlives them [SEC-R4]', async () => {
      const made = await machine({ scopes: ['isms.client.get'] });
      const [user] = (await admin.ask('GET', `/api/User?q.name=user-of`)).body['data'] as [Data];
      assert.equal(user['userKey'], userKey);
      await admin.done('DELETE', `/api/User/${user['id']}`);
      const { status, body } = await tokenFor(server, made['clientId'], made['newSecret'].secret, {
        scope: 'isms.client.get',
      });
      assert.deepEqual([status, body['error']], [400, 'invalid_scope']);
    });

    const ownUser = async (): Promise<string> => {
      const users = (await admin.ask('GET', '/api/User?q.name=user-of')).body['data'] as Data[];
      return users.find((user) => user['userKey'] === userKey)?.['id'] as string;
    };

    it('does not leave the role, under which their clients were made [SEC-R4]', async () => {
      const made = await machine({ scopes: ['isms.client.get'] });
      const id = await ownUser();
      refused(await developer.ask('PUT', '/api/User', { id, roles: [] }), 'permission', 'isms.all');
      assert.deepEqual(await seenBy(made['clientId'], made['newSecret'].secret), [userKey]);
      await developer.done('PUT', '/api/User', { id, roles: ['developer'], nickName: 'Mine' });
    });

    it('leaves clients confined when an administrator takes the role away [SEC-R4]', async () => {
      const made = await machine({ scopes: ['isms.client.get'] });
      const { claims } = permission('isms.client.get');
      await admin.done('PUT', '/api/User', { id: await ownUser(), roles: [], claims });
      assert.deepEqual(await seenBy(made['clientId'], made['newSecret'].secret), [userKey]);
    });

    it('has clients that see everything once an administrator has given them everything [SEC-R4]', async () => {
      const made = await machine({ scopes: ['isms.client.get'] });
      const claims = [{ type: 'permission', value: 'isms.all' }];
      await admin.done('PUT', '/api/User', { id: await ownUser(), claims });
      const owners = await seenBy(made['clientId'], made['newSecret'].secret);
      assert.ok((owners as unknown[]).includes(null), JSON.stringify(owners));
    });

    it('is not let out by a user or a role that is not confined [SEC-R4]', async () => {
      const claims = [{ type: 'permission', value: 'isms.client.get' }];
      const everything = 'isms.all';
      const post = (path: string, body: object): Promise<ApiAnswer> => developer.ask('POST', path, body);
      refused(await post('/api/User', { userName: `u-${name}`, claims }), 'permission', everything);
      refused(await post('/api/Role', { name, claims }), 'permission', everything);
      const colleague = await admin.done('POST', '/api/User', { userName: `c-${name}`, claims });
      refused(
        await developer.ask('PUT', '/api/User', { id: colleague['id'], nickName: 'Mine' }),
        'permission',
        everything,
      );
      await developer.done('POST', '/api/User', { userName: `d-${name}`, claims, roles: ['developer'] });
    });

    it('changes no other developer, who has things of their own', async () => {
      const other = await admin.done('POST', '/api/User', { userName: `o-${name}`, roles: ['developer'] });
      const id = other['id'] as string;
      for (const answer of [
        await developer.ask('PUT', '/api/User', { id, password: 'a new password of the other' }),
        await developer.ask('DELETE', `/api/User/${id}`),
      ])
        refused(answer, 'owner', other['userKey']);
    });

    it('gives permissions of APIs that they own, in roles and to users', async () => {
      const own = permission(`${name}.cancel`);
      const role = await developer.done('POST', '/api/Role', { name, ...own });
      await developer.done('POST', '/api/User', { userName: `u-${name}`, roles: [role['id']] });
      await developer.done('POST', '/api/User', { userName: `v-${name}`, ...own });
    });

    it('gives no role and no user another’s permissions [SEC-R4]', async () => {
      for (const word of ['theirs.cancel', 'tomorrow.cancel', 'approve']) {
        const given = permission(word);
        const plain = await developer.done('POST', '/api/Role', {
          name: `${name}-${word}`,
          ...permission(`${name}.cancel`),
        });
        const user = await developer.done('POST', '/api/User', { userName: `${name}-${word}` });
        for (const answer of [
          await developer.ask('POST', '/api/Role', { name: 'another', ...given }),
          await developer.ask('PUT', '/api/Role', { id: plain['id'], ...given }),
          await developer.ask('POST', '/api/User', { userName: 'another', ...given }),
          await developer.ask('PUT', '/api/User', { id: user['id'], ...given }),
        ])
          refused(answer, 'owner', word);
      }
    });

    it('gives nobody a role with another’s permissions, and changes no user who has one', async () => {
      const { id: role } = await admin.done('POST', '/api/Role', { name, ...permission('theirs.cancel') });
      refused(
        await developer.ask('POST', '/api/User', { userName: `u-${name}`, roles: [role] }),
        'owner',
        'theirs.cancel',
      );
      const { id } = await admin.done('POST', '/api/User', { userName: `w-${name}`, roles: [role] });
      refused(await developer.ask('PUT', '/api/User', { id, nickName: 'Mine' }), 'owner', 'theirs.cancel');
    });

    it('imports no user with another’s permissions [SEC-R4]', async () => {
      const lines = [{ userName: `i-${name}`, ...permission('theirs.cancel') }, { userName: `j-${name}` }];
      assert.deepEqual(await importUsers(lines), ['refused', 'created']);
    });

    it('makes no API below another’s, by a call or an import [SEC-R4]', async () => {
      const below = 'theirs.orders';
      refused(await developer.ask('POST', '/api/ApiResource', { name: below }), 'owner', 'theirs');
      refused(
        await developer.ask('POST', '/api/ApiResource/Import', { microServiceName: below }),
        'owner',
        'theirs',
      );
      await developer.done('POST', '/api/ApiResource', { name: `${name}.orders` });
    });

    it('gives no permission that another’s API could mean as well, however short its name [SEC-R4]', async () => {
      const top = `top-${name}`;
      await developer.done('POST', '/api/ApiResource', { name: `${top}.orders` });
      await admin.done('POST', '/api/ApiResource', { name: top });
      const word = `${top}.orders.cancel`;
      refused(await developer.ask('POST', '/api/Role', { name, ...permission(word) }), 'owner', word);
    });

    const importUsers = (lines: readonly object[]): Promise<unknown[]> => importedLines(server, token, lines);

    const LEFT: Record<string, (other: Caller) => Promise<unknown>> = {
      'a client': (other) => other.done('POST', '/api/Client', { template: 'machine' }),
      'an API': (other) => other.done('POST', '/api/ApiResource', { name: `left-${name}` }),
      'a registration token': (other) => other.done('POST', '/api/Client/RegistrationTokens', {}),
    };
    for (const [what, leave] of Object.entries(LEFT))
      it(`imports no user with the key of one who has left ${what} [SEC-R4]`, async () => {
        const theirs = await userToken(server, MAY, [], undefined, ['developer']);
        const left = String(decodeJwt(theirs).sub);
        await leave(caller(server, theirs));
        const users = (await admin.ask('GET', '/api/User?q.name=user-of')).body['data'] as Data[];
        const { id } = users.find((user) => user['userKey'] === left) as Data;
        await admin.done('DELETE', `/api/User/${id}?erase=true`);
        const lines = [
          { userName: `k-${name}`, userKey: left },
          { userName: `l-${name}`, userKey: randomUUID() },
        ];
        assert.deepEqual(await importUsers(lines), ['refused', 'created']);
      });

    for (const type of ['acl', 'mqtt'])
      it(`gives nobody rights over devices by claims of the type ${type} [SEC-R8]`, async () => {
        const given = { claims: [{ type, value: '{}' }] };
        const id = await ownUser();
        const role = await developer.done('POST', '/api/Role', { name, ...permission(`${name}.cancel`) });
        const { id: colleague } = await developer.done('POST', '/api/User', { userName: `e-${name}` });
        for (const answer of [
          await developer.ask('PUT', '/api/User', { id, ...given }),
          await developer.ask('PUT', '/api/User', { id: colleague, ...given }),
          await developer.ask('POST', '/api/User', { userName: `f-${name}`, ...given }),
          await developer.ask('PUT', '/api/Role', {
            id: role['id'],
            claims: [...role['claims'], ...given.claims],
          }),
          await developer.ask('POST', '/api/Role', {
            name: `g-${name}`,
            claims: [...role['claims'], ...given.claims],
          }),
        ])
          refused(answer, 'permission', 'isms.all');
        assert.deepEqual(await importUsers([{ userName: `h-${name}`, ...given }]), ['refused']);
        for (const user of [id, colleague]) await admin.done('PUT', '/api/User', { id: user, ...given });
        await developer.done('PUT', '/api/User', { id, nickName: 'Mine' });
        refused(
          await developer.ask('PUT', '/api/User', { id: colleague, password: 'a new password of theirs' }),
          'permission',
          'isms.all',
        );
      });

    it('imports no API that opens its scopes to another’s client', async () => {
      const theirs = await admin.done('POST', '/api/Client', { template: 'machine' });
      const service = `service-${randomUUID()}`;
      const body = { microServiceName: service, microServiceClientIDs: [theirs['clientId']] };
      const { clients } = await developer.done('POST', '/api/ApiResource/Import', body);
      assert.deepEqual(clients, [{ clientId: theirs['clientId'], result: 'unknown' }]);
      const own = await machine();
      const again = await developer.done('POST', '/api/ApiResource/Import', {
        ...body,
        microServiceClientIDs: [own['clientId']],
      });
      assert.deepEqual(again['clients'], [{ clientId: own['clientId'], result: 'changed' }]);
    });

    it('switches consent off for no client [SEC-R5]', async () => {
      const { id } = await developer.done('POST', '/api/Client', SHOP);
      const off = { requireConsent: false };
      for (const answer of [
        await developer.ask('POST', '/api/Client', { ...SHOP, ...off }),
        await developer.ask('PUT', '/api/Client', { id, ...off }),
      ]) {
        refused(answer, 'permission', 'requireConsent: false');
        assert.match(String(answer.body['message']), /leave requireConsent true, or ask an administrator/);
      }
    });

    for (const grant of [PASSWORD_GRANT, MOBILE_CODE, EXCHANGE])
      it(`gives no client the grant ${grant} [SEC-R5]`, async () => {
        const { id } = await machine();
        const grantTypes = ['client_credentials', grant];
        for (const answer of [
          await developer.ask('POST', '/api/Client', { template: 'machine', grantTypes }),
          await developer.ask('PUT', '/api/Client', { id, grantTypes }),
        ]) {
          refused(answer, 'permission', grant);
          assert.match(String(answer.body['message']), /or ask an administrator$/);
        }
      });

    it('changes their client that an administrator trusts, and widens it by nothing [SEC-R5]', async () => {
      const { id } = await developer.done('POST', '/api/Client', SHOP);
      await admin.done('PUT', '/api/Client', {
        id,
        requireConsent: false,
        requirePushedAuthorizationRequests: true,
        dpopBoundAccessTokens: true,
      });
      const changed = await developer.done('PUT', '/api/Client', { id, clientName: 'My shop' });
      assert.deepEqual([changed['clientName'], changed['requireConsent']], ['My shop', false]);
      for (const wider of [
        { scopes: [...changed['scopes'], 'isms.client.get'] },
        { redirectUris: [CALLBACK, 'https://mine.example.com/callback'] },
        { resources: [name] },
        { grantTypes: [...changed['grantTypes'], 'urn:ietf:params:oauth:grant-type:device_code'] },
        { postLogoutRedirectUris: ['https://mine.example.com/bye'] },
        { tokenEndpointAuthMethod: 'none' },
        { requirePkce: false },
        { applicationType: 'native' },
        { requirePushedAuthorizationRequests: false },
        { dpopBoundAccessTokens: false },
      ])
        refused(
          await developer.ask('PUT', '/api/Client', { id, ...wider }),
          'permission',
          'requireConsent: false',
        );
      await developer.done('PUT', '/api/Client', { id, requireConsent: true });
    });

    it('is confined under any name of the role, and by no other role of that name [SEC-R2]', async () => {
      const [role] = (await admin.ask('GET', '/api/Role?q.name=developer')).body['data'] as [Data];
      await admin.done('PUT', '/api/Role', { id: role['id'], name: 'Builder' });
      const { id } = await admin.done('POST', '/api/Role', { name: 'developer' });
      try {
        await machine();
        const owners = ((await developer.ask('GET', '/api/Client')).body['data'] as Data[]).map(
          ({ owner }) => owner as unknown,
        );
        assert.deepEqual(owners, [userKey]);
        const free = await userToken(server, ['isms.client.get'], ['isms.client.get'], undefined, [id]);
        const { total } = (await caller(server, free).ask('GET', '/api/Client')).body as { total: number };
        assert.ok(total > 1, String(total));
      } finally {
        await admin.done('DELETE', `/api/Role/${id}?cascade=true`);
        await admin.done('PUT', '/api/Role', { id: role['id'], name: 'developer' });
      }
    });

    it('is not what an administrator of few words is, who may give the words of business APIs [SEC-R4]', async () => {
      const few = caller(server, await clientToken(server, ['isms.client.post', 'isms.role.post']));
      const body = { template: 'machine', scopes: ['theirs.read'], resources: ['theirs'] };
      await few.done('POST', '/api/Client', body);
      await few.done('POST', '/api/Role', { name: `few-${name}`, ...permission('theirs.cancel') });
      const grantTypes = ['client_credentials', EXCHANGE];
      await few.done('POST', '/api/Client', { template: 'machine', grantTypes, requireConsent: false });
    });
  });
