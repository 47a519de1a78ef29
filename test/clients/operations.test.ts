import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { STORES } from '../support/config.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { send } from '../support/http.js';
import { clientToken, userToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`clients over REST, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      await server.addApi('orders', ['orders.read', 'orders.write']);
    });
    after(() => server.stop());

    const machine = (more: object = {}): Promise<Data> =>
      admin.done('POST', '/api/Client', { template: 'machine', scopes: ['orders.read'], ...more });
    const asks = (client: Data, secret: string, form: Record<string, string> = {}) =>
      tokenFor(server, client['clientId'], secret, form);

    it('get tokens from the next request on, with the secret that is shown once', async () => {
      const made = await machine({ clientId: 'nightly-job', clientName: 'Nightly job' });
      assert.equal((await asks(made, made['newSecret'].secret)).status, 200);
      const read = await admin.done('GET', `/api/Client/${made['id']}`);
      assert.equal(read['newSecret'], undefined);
      assert.ok(!JSON.stringify(read).includes(made['newSecret'].secret));
      assert.deepEqual(
        [
          read['clientId'],
          read['grantTypes'],
          read['requirePkce'],
          read['responseTypes'],
          read['secrets'].length,
        ],
        ['nightly-job', ['client_credentials'], true, [], 1],
      );
      const again = await admin.ask('POST', '/api/Client', { template: 'machine', clientId: 'nightly-job' });
      assert.deepEqual([again.status, again.body['codeName']], [409, 'Client_ClientIdExists']);
    });

    for (const [template, expected] of [
      ['single-page', ['web', 'none', ['authorization_code', 'refresh_token'], ['code'], true]],
      ['web', ['web', 'client_secret_basic', ['authorization_code', 'refresh_token'], ['code'], true]],
      ['native', ['native', 'none', ['authorization_code', 'refresh_token'], ['code'], true]],
      ['machine', ['web', 'client_secret_basic', ['client_credentials'], [], false]],
      [
        'device',
        ['native', 'none', ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], [], true],
      ],
    ] as const)
      it(`begin as ${template}`, async () => {
        const redirects = ['single-page', 'web', 'native'].includes(template);
        const made = await admin.done('POST', '/api/Client', {
          template,
          ...(redirects && { redirectUris: ['http://localhost:4000/callback'] }),
        });
        const { applicationType, tokenEndpointAuthMethod, grantTypes, responseTypes, allowOfflineAccess } =
          made;
        assert.deepEqual(
          [applicationType, tokenEndpointAuthMethod, grantTypes, responseTypes, allowOfflineAccess],
          expected,
        );
        assert.equal(made['newSecret'] !== undefined, tokenEndpointAuthMethod !== 'none');
      });

    for (const [what, body, field, why] of [
      [
        'a public machine',
        { template: 'machine', tokenEndpointAuthMethod: 'none' },
        'grantTypes',
        /authenticates/,
      ],
      ['code without an address', { template: 'web' }, 'redirectUris', /at least one redirect URI/],
      [
        'a public client without PKCE',
        { template: 'single-page', redirectUris: ['https://a.example/'], requirePkce: false },
        'requirePkce',
        /public client/,
      ],
      [
        'an answer that no grant gives',
        { template: 'machine', responseTypes: ['code'] },
        'responseTypes',
        /authorization_code/,
      ],
      [
        'keys that are needed',
        { template: 'machine', tokenEndpointAuthMethod: 'private_key_jwt' },
        'jwks',
        /public keys/,
      ],
      [
        'a script as its home',
        { template: 'machine', clientUri: 'javascript:alert(1)' },
        'clientUri',
        /web address: https:\/\/ or http:\/\/, a host without a user/,
      ],
      [
        'a uuid as its id',
        { template: 'machine', clientId: '0b5e6c1e-7a43-4c19-9d6e-3f1f2a4b5c6d' },
        'clientId',
        /uuid/,
      ],
    ] as const)
      it(`are refused with ${what}, and told why`, async () => {
        const refused = await admin.ask('POST', '/api/Client', body);
        assert.equal(refused.status, 422);
        const [problem] = refused.body['data'] as [{ field: string; message: string }];
        assert.equal(problem.field, field);
        assert.match(problem.message, why);
      });

    it('keep what a change leaves out, and lose what it says is null', async () => {
      const { id } = await machine({ accessTokenLifetime: 60, logoUri: 'https://a.example/logo.png' });
      const changed = await admin.done('PUT', '/api/Client', {
        id,
        logoUri: null,
        refreshTokenLifetime: 3600,
      });
      assert.deepEqual(
        [changed['accessTokenLifetime'], changed['logoUri'], changed['refreshTokenLifetime']],
        [60, null, 3600],
      );
      const same = await admin.done('PUT', '/api/Client', await admin.done('GET', `/api/Client/${id}`));
      assert.deepEqual({ ...same, updatedAt: 0 }, { ...changed, updatedAt: 0 });
    });

    it('have several secrets; one that is left out stops working at once', async () => {
      const made = await machine();
      const first = made['newSecret'];
      const second = await admin.done('POST', `/api/Client/${made['id']}/Secretkey`, {
        keyType: 'Sha512',
        description: 'the next one',
      });
      for (const { secret } of [first, second] as Data[])
        assert.equal((await asks(made, secret)).status, 200);
      await admin.done('PUT', '/api/Client', { id: made['id'], secrets: [{ id: second['id'] }] });
      assert.equal((await asks(made, first.secret)).status, 401);
      assert.equal((await asks(made, second['secret'])).status, 200);
      assert.deepEqual(
        (await admin.done('GET', `/api/Client/${made['id']}`))['secrets'].map(({ id }: Data) => id),
        [second['id']],
      );
    });

    it('take a secret that is brought, if nobody can guess it, for as long as it is to last', async () => {
      const made = await machine();
      const bring = (plaintext: string, more: object = {}) =>
        admin.ask('POST', `/api/Client/${made['id']}/Secretkey`, { keyType: 'Sha256', plaintext, ...more });
      assert.equal((await bring('secret')).status, 422);
      assert.equal((await bring('a'.repeat(64))).status, 422);
      const strong = 'k3yF0rT3sts-0f-4-cl13nt-th4t-br1ngs-0n3';
      assert.equal((await bring(strong, { expiresAt: '2001-01-01T00:00:00Z' })).status, 422);
      assert.equal((await bring(strong, { expiresAt: '2999-01-01T00:00:00Z' })).data['secret'], strong);
      assert.equal((await asks(made, strong)).status, 200);
      await server.context.store.knex('client_secrets').where({ hint: 'k3yF…' }).update({ expires_at: 1 });
      await server.change(async () => undefined);
      assert.equal((await asks(made, strong)).status, 401);
    });

    it('lose a scope for tokens that are out already, and everything when they are deleted [SEC-X3]', async () => {
      const scopes = ['isms.role.get', 'isms.client.get'];
      const made = await admin.done('POST', '/api/Client', { template: 'machine', scopes });
      const { body } = await asks(made, made['newSecret'].secret, { scope: scopes.join(' ') });
      const it = caller(server, body['access_token']);
      assert.equal((await it.ask('GET', '/api/Role')).status, 200);
      await admin.done('PUT', '/api/Client', { id: made['id'], scopes: ['isms.client.get'] });
      assert.equal((await it.ask('GET', '/api/Role')).status, 403);
      assert.equal((await it.ask('GET', '/api/Client')).status, 200);
      await admin.done('DELETE', `/api/Client/${made['id']}`);
      assert.equal((await it.ask('GET', '/api/Client')).status, 401);
      assert.equal((await asks(made, made['newSecret'].secret)).status, 401);
      const namesake = await admin.done('POST', '/api/Client', {
        template: 'machine',
        clientId: made['clientId'],
        scopes,
      });
      assert.equal((await it.ask('GET', '/api/Client')).status, 401);
      assert.equal((await asks(namesake, namesake['newSecret'].secret)).status, 200);
    });

    it('are disabled and enabled, and what they had until then stays dead', async () => {
      const made = await admin.done('POST', '/api/Client', {
        template: 'machine',
        scopes: ['isms.role.get'],
      });
      const { body } = await asks(made, made['newSecret'].secret);
      const it = caller(server, body['access_token']);
      await admin.done('PUT', '/api/Client', { id: made['id'], enabled: false });
      assert.equal((await it.ask('GET', '/api/Role')).status, 401);
      assert.equal((await asks(made, made['newSecret'].secret)).status, 401);
      await admin.done('PUT', '/api/Client', { id: made['id'], enabled: true });
      assert.equal((await it.ask('GET', '/api/Role')).status, 401);
      assert.equal((await asks(made, made['newSecret'].secret)).status, 200);
    });

    it('give nobody more than he has: neither by a scope, nor by a secret of a stronger client [SEC-X1]', async () => {
      const verbs = ['post', 'put', 'postsecretkey'].map((verb) => `isms.client.${verb}`);
      const few = caller(server, await userToken(server, ['isms.all'], verbs));
      const strong = await few.ask('POST', '/api/Client', {
        template: 'machine',
        scopes: ['isms.user.delete'],
      });
      assert.deepEqual(
        [strong.status, strong.body['data']],
        [403, { missing: 'permission', name: 'isms.user.delete' }],
      );
      const management = (await admin.ask('GET', `/api/Client?q.clientId=${server.context.config.client.id}`))
        .body['data'] as Data;
      const [{ id }] = management as unknown as [Data];
      assert.equal((await few.ask('POST', `/api/Client/${id}/Secretkey`, {})).status, 403);
      assert.equal((await few.ask('PUT', '/api/Client', { id, redirectUris: [] })).status, 403);
      assert.equal((await few.ask('POST', '/api/Client', { template: 'machine' })).status, 200);
    });

    it('are found by part of the name, by client id, and in any order that is listed', async () => {
      for (const letter of ['c', 'a', 'b'])
        await machine({ clientId: `found-${letter}`, clientName: `Found ${letter}` });
      const ids = async (query: string): Promise<unknown> =>
        ((await admin.ask('GET', `/api/Client?${query}`)).body['data'] as Data[]).map(
          (client) => client['clientId'],
        );
      assert.deepEqual(await ids('q.name=FOUND&orderby=clientName&asc=true'), [
        'found-a',
        'found-b',
        'found-c',
      ]);
      assert.deepEqual(await ids('q.name=found&orderby=createdAt'), ['found-b', 'found-a', 'found-c']);
      assert.deepEqual(await ids('q.clientId=found-a'), ['found-a']);
      assert.equal((await admin.ask('GET', '/api/Client?orderby=settings')).status, 422);
    });

    it('are a developer’s own: others’ are not there', async () => {
      const verbs = ['get', 'detail', 'post', 'put', 'postsecretkey'].map((verb) => `isms.client.${verb}`);
      const claims = verbs.map((value) => ({ type: 'permission', value }));
      await server.change((db) =>
        db
          .from('roles')
          .where({ name: 'developer' })
          .update({ claims: JSON.stringify(claims) }),
      );
      const developer = caller(server, await userToken(server, verbs, [], undefined, ['developer']));
      const mine = await developer.done('POST', '/api/Client', { template: 'machine' });
      assert.deepEqual((await developer.ask('GET', '/api/Client')).body['total'], 1);
      const theirs = await machine();
      assert.equal((await developer.ask('GET', `/api/Client/${theirs['id']}`)).status, 404);
      assert.equal((await developer.ask('POST', `/api/Client/${theirs['id']}/Secretkey`, {})).status, 404);
      assert.equal((await developer.ask('POST', `/api/Client/${mine['id']}/Secretkey`, {})).status, 200);
    });

    describe('get a token for themselves', () => {
      const issue = '/api/Client/IssueToken';

      it('that has no more than theirs, and works like it', async () => {
        const token = await clientToken(server, ['isms.client.issuetoken', 'isms.role.get']);
        const self = caller(server, token);
        const issued = await self.done('POST', issue, { lifetime: 600, scope: 'isms.role.get' });
        const claims = decodeJwt(issued['accessToken']);
        const own = decodeJwt(token);
        assert.deepEqual(
          [claims.sub, claims.aud, claims['client_id'], claims['scope'], claims.iss],
          [own.sub, own.aud, own['client_id'], 'isms.role.get', own.iss],
        );
        assert.equal(Number(claims.exp) - Number(claims.iat), 600);
        const it = caller(server, issued['accessToken']);
        assert.equal((await it.ask('GET', '/api/Role')).status, 200);
        assert.equal((await it.ask('POST', issue, {})).status, 403);
        for (const beyond of [{ scope: 'isms.user.get' }, { audience: 'orders' }])
          assert.equal((await self.ask('POST', issue, beyond)).status, 422);
      });

      it('for a user with the permissions that he has, until he has them no more', async () => {
        const permissions = ['isms.client.issuetoken', 'isms.role.get'];
        const token = await userToken(server, ['isms.all'], permissions);
        const issued = await caller(server, token).done('POST', issue, { scope: 'isms.all' });
        const claims = decodeJwt(issued['accessToken']);
        assert.deepEqual([claims.sub, claims['permission']], [decodeJwt(token).sub, permissions]);
        const it = caller(server, issued['accessToken']);
        assert.equal((await it.ask('GET', '/api/Role')).status, 200);
        assert.equal((await it.ask('GET', '/api/Client')).status, 403);
        assert.equal((await it.ask('POST', issue, {})).status, 403);
        await server.change((db) =>
          db.from('users').where({ user_key: claims.sub }).update({ claims: '[]' }),
        );
        assert.equal((await it.ask('GET', '/api/Role')).status, 403);
      });

      it('for no longer than is configured', async () => {
        const self = caller(server, await clientToken(server, ['isms.client.issuetoken']));
        const { expiresIn } = await self.done('POST', issue, { lifetime: 300_000_000 });
        assert.ok(
          Math.abs(expiresIn - server.context.config.lifetimes.accessTokenLongest) <= 1,
          String(expiresIn),
        );
      });

      it('that they see listed, and can end', async () => {
        const self = caller(server, await clientToken(server, ['isms.client.issuetoken', 'isms.role.get']));
        const other = caller(server, await clientToken(server, ['isms.client.issuetoken']));
        const issued = await self.done('POST', issue, { description: 'for a script' });
        const list = (await self.ask('GET', '/api/Client/IssuedTokens')).body;
        assert.deepEqual([list['total'], (list['data'] as Data[])[0]?.['description']], [1, 'for a script']);
        assert.equal((await other.ask('GET', '/api/Client/IssuedTokens')).body['total'], 0);
        const place = `/api/Client/IssuedTokens/${issued['id']}`;
        assert.equal((await other.ask('DELETE', place)).status, 404);
        const it = caller(server, issued['accessToken']);
        assert.equal((await it.ask('GET', '/api/Role')).status, 200);
        await self.done('DELETE', place);
        assert.equal((await it.ask('GET', '/api/Role')).status, 401);
      });
    });

    it('may call from their origin from the moment on that they are there', async () => {
      const origin = 'https://spa.example.com';
      const allowed = async (): Promise<string | null> =>
        (await send(new URL('/api/Role/Codes', server.issuer), { headers: { origin } })).headers.get(
          'access-control-allow-origin',
        );
      const made = await admin.done('POST', '/api/Client', {
        template: 'single-page',
        redirectUris: [`${origin}/cb`],
      });
      assert.equal(await allowed(), origin);
      await admin.done('DELETE', `/api/Client/${made['id']}`);
      assert.equal(await allowed(), null);
    });

    it('that know no PKCE sign people in without, where that was said', async () => {
      const code = async (requirePkce: boolean): Promise<string | null> => {
        const redirectUri = 'https://old.example.com/callback';
        const made = await admin.done('POST', '/api/Client', {
          template: 'web',
          redirectUris: [redirectUri],
          requirePkce,
        });
        const query = {
          client_id: made['clientId'],
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: 'openid',
        };
        const heard = await send(
          new URL(`/connect/authorize?${new URLSearchParams(query).toString()}`, server.issuer),
        );
        return new URL(heard.headers.get('location') ?? '', server.issuer).searchParams.get('error');
      };
      assert.deepEqual([await code(true), await code(false)], ['invalid_request', null]);
    });
  });
