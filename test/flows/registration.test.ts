import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { STORES } from '../support/config.js';
import { administrator, tokenFor, type Caller, type Data } from '../support/area.js';
import { bodyOf, send, type Heard } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const REGISTER = '/connect/register';
const CALLBACK = 'https://app.example.com/callback';

for (const kind of STORES)
  describe(`dynamic registration, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      await server.addApi('orders', ['orders.read']);
    });
    after(() => server.stop());

    const opening = async (more: object = {}): Promise<string> =>
      (await admin.done('POST', '/api/Client/RegistrationTokens', more))['token'];
    const ask = (method: string, path: string, token?: string, json?: object): Promise<Heard> =>
      send(new URL(path, server.issuer), {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(json && { 'content-type': 'application/json' }),
        },
        ...(json && { body: JSON.stringify(json) }),
      });
    const registered = async (metadata: object, more: object = {}): Promise<Data> => {
      const heard = await ask('POST', REGISTER, await opening(more), metadata);
      assert.equal(heard.status, 201, heard.text);
      return bodyOf(heard);
    };
    const placeOf = (client: Data): string => new URL(client['registration_client_uri']).pathname;

    it('is found by discovery, and works for openid-client', async () => {
      const config = await oidc.dynamicClientRegistration(
        new URL(server.issuer),
        { redirect_uris: [CALLBACK], client_name: 'Found by discovery' },
        undefined,
        { initialAccessToken: await opening(), execute: [oidc.allowInsecureRequests] },
      );
      const { client_id: clientId, client_secret: secret, scope } = config.clientMetadata() as Data;
      assert.deepEqual([typeof secret, scope], ['string', 'openid profile email offline_access']);
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: CALLBACK,
        scope: 'openid',
        code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
        code_challenge_method: 'S256',
      });
      const heard = await send(url);
      assert.match(heard.headers.get('location') ?? '', /^\/interaction\//, clientId);
    });

    it('gives a client that gets tokens at once, of the scopes that were allowed', async () => {
      const client = await registered(
        {
          grant_types: ['client_credentials'],
          scope: 'orders.read',
          token_endpoint_auth_method: 'client_secret_post',
        },
        { scopes: ['orders.read'] },
      );
      assert.deepEqual(
        [client['client_secret_expires_at'], client['response_types'], client['token_endpoint_auth_method']],
        [0, [], 'client_secret_post'],
      );
      const got = await tokenFor(server, client['client_id'], client['client_secret'], {
        scope: 'orders.read',
      });
      assert.equal(got.status, 200);
    });

    it('is shut to everybody without an initial access token, and a token opens it only so often [SEC-30]', async () => {
      const metadata = { redirect_uris: [CALLBACK] };
      for (const token of [undefined, 'nonsense', 'x'.repeat(43)]) {
        const { status, text, headers } = await ask('POST', REGISTER, token, metadata);
        assert.deepEqual([status, JSON.parse(text).error], [401, 'invalid_token']);
        assert.match(headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/);
      }
      const twice = await opening({ uses: 2 });
      const statuses = await Promise.all(
        [1, 2, 3, 4].map(async () => (await ask('POST', REGISTER, twice, metadata)).status),
      );
      assert.deepEqual(statuses.sort(), [201, 201, 401, 401]);
      const late = await opening();
      await server.context.store.knex('initial_access_tokens').update({ expires_at: 1 });
      assert.equal((await ask('POST', REGISTER, late, metadata)).status, 401);
    });

    for (const [what, metadata, error] of [
      ['a wildcard to come back to', { redirect_uris: ['https://*.example.com/'] }, 'invalid_redirect_uri'],
      ['nowhere to come back to', {}, 'invalid_redirect_uri'],
      ['plain http', { redirect_uris: ['http://app.example.com/'] }, 'invalid_redirect_uri'],
      [
        'a scope that was not allowed',
        { redirect_uris: [CALLBACK], scope: 'isms.all' },
        'invalid_client_metadata',
      ],
      ['the password grant', { redirect_uris: [], grant_types: ['password'] }, 'invalid_client_metadata'],
      [
        'the implicit flow',
        { redirect_uris: [CALLBACK], response_types: ['token'] },
        'invalid_client_metadata',
      ],
      [
        'a name that is no text',
        { redirect_uris: [CALLBACK], client_name: { en: 'x' } },
        'invalid_client_metadata',
      ],
      [
        'a private key',
        { redirect_uris: [CALLBACK], jwks: { keys: [{ kty: 'oct', k: 'x' }] } },
        'invalid_client_metadata',
      ],
    ] as const)
      it(`refuses ${what}, and the token can be used again`, async () => {
        const token = await opening();
        const refused = await ask('POST', REGISTER, token, metadata);
        assert.deepEqual([refused.status, bodyOf(refused)['error']], [400, error]);
        assert.equal((await ask('POST', REGISTER, token, { redirect_uris: [CALLBACK] })).status, 201);
      });

    it('lets the client read, change and remove what it has registered', async () => {
      const client = await registered({ redirect_uris: [CALLBACK], client_name: 'Mine' });
      const token = client['registration_access_token'] as string;
      const place = placeOf(client);
      const read = bodyOf(await ask('GET', place, token)) as Data;
      assert.deepEqual(
        [read['client_name'], read['redirect_uris'], read['client_secret']],
        ['Mine', [CALLBACK], undefined],
      );
      const elsewhere = 'https://new.example.com/callback';
      const changed = await ask('PUT', place, token, {
        client_id: client['client_id'],
        client_name: 'Still mine',
        redirect_uris: [elsewhere],
      });
      assert.deepEqual(
        [
          changed.status,
          (bodyOf(changed) as Data)['redirect_uris'],
          (bodyOf(changed) as Data)['client_secret'],
        ],
        [200, [elsewhere], undefined],
      );
      const authorize = async (redirectUri: string): Promise<number> =>
        (
          await send(
            new URL(
              `/connect/authorize?${new URLSearchParams({
                client_id: client['client_id'],
                redirect_uri: redirectUri,
                response_type: 'code',
                scope: 'openid',
                code_challenge: 'x'.repeat(43),
                code_challenge_method: 'S256',
              }).toString()}`,
              server.issuer,
            ),
          )
        ).status;
      assert.deepEqual([await authorize(elsewhere), await authorize(CALLBACK)], [303, 400]);
      assert.equal((await ask('DELETE', place, token)).status, 204);
      assert.equal((await ask('GET', place, token)).status, 401);
      assert.equal(await authorize(elsewhere), 400);
    });

    it('lets nobody else, and lets nobody have more than the first time [SEC-30]', async () => {
      const [mine, other] = [
        await registered({ redirect_uris: [CALLBACK] }),
        await registered({ redirect_uris: [CALLBACK] }),
      ];
      const token = mine['registration_access_token'] as string;
      for (const method of ['GET', 'PUT', 'DELETE'])
        assert.equal(
          (await ask(method, placeOf(other), token, method === 'PUT' ? {} : undefined)).status,
          401,
        );
      assert.equal((await ask('GET', `${REGISTER}/gatehouse-cli`, token)).status, 401);
      const change = (more: object) =>
        ask('PUT', placeOf(mine), token, {
          client_id: mine['client_id'],
          redirect_uris: [CALLBACK],
          ...more,
        });
      assert.equal((await change({ scope: 'isms.all' })).status, 400);
      assert.equal((await change({ client_id: other['client_id'] })).status, 400);
      assert.equal((await change({ registration_access_token: token })).status, 400);
      assert.equal((await ask('PATCH', placeOf(mine), token)).status, 405);
      const { id } = (
        (await admin.ask('GET', `/api/Client?q.clientId=${mine['client_id']}`)).body['data'] as [Data]
      )[0];
      await admin.done('PUT', '/api/Client', { id, enabled: false });
      assert.equal((await ask('GET', placeOf(mine), token)).status, 401);
    });

    /** The registered client as administrators see it. */
    const asAdmin = async (client: Data): Promise<Data> =>
      ((await admin.ask('GET', `/api/Client?q.clientId=${client['client_id']}`)).body['data'] as [Data])[0];
    /** The client says again what it is, as it does at each of its starts. */
    const again = async (client: Data, metadata: object): Promise<Data> => {
      const heard = await ask('PUT', placeOf(client), client['registration_access_token'], {
        client_id: client['client_id'],
        ...metadata,
      });
      assert.equal(heard.status, 200, heard.text);
      return bodyOf(heard);
    };

    it('lets a client give up a scope, and take it again', async () => {
      const metadata = { redirect_uris: [CALLBACK] };
      const client = await registered({ ...metadata, scope: 'openid profile' });
      assert.equal((await again(client, { ...metadata, scope: 'openid' }))['scope'], 'openid');
      assert.equal(
        (await again(client, { ...metadata, scope: 'openid profile' }))['scope'],
        'openid profile',
      );
    });

    it('keeps away a scope that an administrator has taken away [SEC-R4]', async () => {
      const metadata = { redirect_uris: [CALLBACK], scope: 'openid profile orders.read' };
      const client = await registered(metadata, { scopes: ['openid', 'profile', 'orders.read'] });
      const { id } = await asAdmin(client);
      await admin.done('PUT', '/api/Client', { id, scopes: ['openid', 'profile'] });
      assert.equal((await again(client, metadata))['scope'], 'openid profile');
      assert.deepEqual((await asAdmin(client))['scopes'], ['openid', 'profile']);
    });

    it('keeps what an administrator has set, and what a client can not say of itself [SEC-R4]', async () => {
      const metadata = { redirect_uris: [CALLBACK], client_name: 'Mine', scope: 'openid' };
      const client = await registered(metadata);
      const set = {
        clientName: 'A partner',
        scopes: ['openid', 'orders.read'],
        defaultScopes: ['openid'],
        resources: ['orders'],
        grantTypes: ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange'],
        redirectUris: ['https://safe.example.com/callback'],
        requireConsent: false,
        corsOrigins: ['https://safe.example.com'],
        accessTokenLifetime: 60,
      };
      await admin.done('PUT', '/api/Client', { id: (await asAdmin(client))['id'], ...set });
      const said = await again(client, { ...metadata, logo_uri: 'https://app.example.com/logo.png' });
      assert.deepEqual(
        [said['client_name'], said['redirect_uris'], said['logo_uri']],
        ['A partner', ['https://safe.example.com/callback'], 'https://app.example.com/logo.png'],
      );
      const kept = await asAdmin(client);
      for (const [setting, value] of Object.entries(set)) assert.deepEqual(kept[setting], value, setting);
    });

    it('is not widened by its own PUT once an administrator trusts it, and is narrowed [SEC-R4] [SEC-R5]', async () => {
      const metadata = {
        redirect_uris: [CALLBACK, `${CALLBACK}/2`],
        post_logout_redirect_uris: ['https://app.example.com/bye'],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile',
      };
      const client = await registered(metadata, { scopes: ['openid', 'profile', 'orders.read'] });
      await admin.done('PUT', '/api/Client', {
        id: (await asAdmin(client))['id'],
        requireConsent: false,
        dpopBoundAccessTokens: true,
      });
      const kept = async (said: object): Promise<Data> => {
        const { redirectUris, postLogoutRedirectUris, grantTypes, scopes, ...more } = await again(
          client,
          said,
        ).then(() => asAdmin(client));
        const { requireConsent, tokenEndpointAuthMethod, applicationType, dpopBoundAccessTokens } = more;
        assert.deepEqual(
          [requireConsent, tokenEndpointAuthMethod, applicationType ?? 'web', dpopBoundAccessTokens],
          [false, 'client_secret_basic', 'web', true],
        );
        return [redirectUris, postLogoutRedirectUris, grantTypes, scopes];
      };
      const before = Object.values({ ...metadata, scope: ['openid', 'profile'] });
      const wider = {
        redirect_uris: ['https://other.example.com/callback'],
        post_logout_redirect_uris: ['https://other.example.com/bye'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        scope: 'openid profile orders.read',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        dpop_bound_access_tokens: false,
      };
      assert.deepEqual(await kept(wider), before);
      assert.deepEqual(
        await kept({ ...metadata, redirect_uris: [CALLBACK, ...wider.redirect_uris] }),
        before,
      );
      const narrower = { redirect_uris: [CALLBACK], grant_types: ['authorization_code'], scope: 'openid' };
      assert.deepEqual(await kept(narrower), [[CALLBACK], [], ['authorization_code'], ['openid']]);
      assert.deepEqual(await kept(metadata), [[CALLBACK], [], ['authorization_code'], ['openid']]);
    });

    it('takes back what it reads of a client that an administrator has given a grant', async () => {
      const client = await registered({ redirect_uris: [CALLBACK] });
      const grantTypes = ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange'];
      await admin.done('PUT', '/api/Client', { id: (await asAdmin(client))['id'], grantTypes });
      const read: Data = bodyOf(await ask('GET', placeOf(client), client['registration_access_token']));
      const { client_id_issued_at, registration_access_token, registration_client_uri, ...own } = read;
      assert.ok(client_id_issued_at && registration_access_token && registration_client_uri);
      assert.deepEqual((await again(client, own))['grant_types'], grantTypes);
    });

    it('gives nobody the scope of an API that has gone and that another has made again', async () => {
      const api = await admin.done('POST', '/api/ApiResource', { name: 'gone', scopes: [{ name: 'read' }] });
      const scopes = ['openid', 'gone.read'];
      const metadata = { redirect_uris: [CALLBACK], scope: 'openid' };
      const client = await registered(metadata, { scopes });
      const waiting = await opening({ scopes });
      await admin.done('DELETE', `/api/ApiResource/${api['id']}`);
      await admin.done('POST', '/api/ApiResource', { name: 'gone', scopes: [{ name: 'read' }] });
      const more = { ...metadata, client_id: client['client_id'], scope: 'openid gone.read' };
      const token = client['registration_access_token'] as string;
      assert.equal((await ask('PUT', placeOf(client), token, more)).status, 400);
      assert.equal((await ask('POST', REGISTER, waiting, { ...metadata, scope: 'gone.read' })).status, 400);
    });

    it('keeps no token in the clear, and writes down who registered', async () => {
      const client = await registered({ redirect_uris: [CALLBACK] });
      const { knex } = server.context.store;
      for (const table of [
        'initial_access_tokens',
        'client_registrations',
        'clients',
        'client_secrets',
        'audit',
      ]) {
        const rows = JSON.stringify(await knex(table));
        for (const secret of ['registration_access_token', 'client_secret'])
          assert.ok(!rows.includes(client[secret]), `${secret} in ${table}`);
      }
      const rows = await knex('audit').where({ event: 'client.registered', target: client['client_id'] });
      assert.equal(rows.length, 1);
    });

    it('is opened by nobody for more than he has himself, and shut again', async () => {
      const made = await admin.done('POST', '/api/Client/RegistrationTokens', { description: 'partners' });
      const list = (await admin.ask('GET', '/api/Client/RegistrationTokens')).body['data'] as Data[];
      assert.ok(list.some(({ id, token }) => id === made['id'] && token === undefined));
      await admin.done('DELETE', `/api/Client/RegistrationTokens/${made['id']}`);
      assert.equal((await ask('POST', REGISTER, made['token'], { redirect_uris: [CALLBACK] })).status, 401);
    });
  });
