import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import type { BrowserContext, Page } from 'playwright-core';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { tenantDb } from '../../src/store/index.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { ADMIN_PASSWORD, CLIENT_SECRET, STORES } from '../support/config.js';
import {
  discover,
  PASSWORD,
  startApplication,
  startServer,
  type Application,
  type TestServer,
} from '../support/server.js';

const ALL_SCOPES = 'openid profile email role offline_access orders.read';

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel('User name, e-mail or phone number').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

for (const kind of STORES)
  describe(`a relying party, on ${kind}`, () => {
    let server: TestServer;
    let app: Application;
    let alice: string;

    before(async () => {
      server = await startServer(kind);
      app = await startApplication();
      const db = tenantDb(server.context.store.knex, server.home.tenant.id);
      await insertApiResource(db, newApiResource('orders', ['orders.read', 'orders.write']));
      await insertApiResource(
        db,
        newApiResource('parcels', ['parcels.read'], { accessTokenFormat: 'opaque' }),
      );
      await server.addClient('web-app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [app.redirectUri],
        postLogoutRedirectUris: [`${app.origin}/bye`],
        scopes: ALL_SCOPES.split(' '),
        tokenEndpointAuthMethod: 'none',
      });
      await server.addClient('tv', {
        grantTypes: [GRANT_TYPES.device, GRANT_TYPES.refresh],
        scopes: ['openid', 'offline_access'],
        tokenEndpointAuthMethod: 'none',
      });
      const user = await server.addUser({
        userName: 'alice',
        email: 'alice@example.com',
        emailVerified: true,
        phoneNumber: '+8613800000001',
        countryCode: '86',
        roles: ['partner'],
      });
      alice = user.userKey;
    });

    after(async () => {
      await app.close();
      await server.stop();
    });

    /** Code with PKCE in a real browser, as far as the tokens. */
    async function authorize(
      visitor: BrowserContext,
      walk: (page: Page) => Promise<void>,
    ): Promise<{
      config: oidc.Configuration;
      tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;
    }> {
      const config = await discover(server.issuer, 'web-app');
      const [state, nonce, codeVerifier] = [
        oidc.randomState(),
        oidc.randomNonce(),
        oidc.randomPKCECodeVerifier(),
      ];
      const to = oidc.buildAuthorizationUrl(config, {
        redirect_uri: app.redirectUri,
        scope: ALL_SCOPES,
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      });
      const arrival = app.arrival();
      const page = await visitor.newPage();
      await page.goto(to.href);
      await walk(page);
      const tokens = await oidc.authorizationCodeGrant(config, await arrival, {
        pkceCodeVerifier: codeVerifier,
        expectedState: state,
        expectedNonce: nonce,
      });
      await page.close();
      return { config, tokens };
    }

    it('signs a person in with code and PKCE, refreshes, reads userinfo, and signs out', async function () {
      needsBrowser(this);
      const visitor = await newVisitor();
      const { config, tokens } = await authorize(visitor, async (page) => {
        await signIn(page, 'alice@example.com', PASSWORD);
        await page.getByRole('heading', { name: 'Allow web-app?' }).waitFor();
        await page.getByRole('button', { name: 'Allow', exact: true }).click();
      });
      assert.equal(tokens.claims()?.sub, alice);
      assert.equal(tokens.scope, 'openid profile email role offline_access orders.read');

      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri as string));
      const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
        issuer: server.issuer,
        audience: 'orders',
      });
      assert.equal(protectedHeader.alg, 'ES256');
      assert.equal(protectedHeader.typ, 'at+jwt');
      assert.equal(payload.sub, alice);
      assert.deepEqual(payload['role'], ['partner']);
      assert.deepEqual(payload['permission'], []);
      assert.equal(payload['client_id'], 'web-app');
      assert.equal(payload['tenant'], server.home.tenant.id);

      const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, alice);
      assert.equal(userinfo.email, 'alice@example.com');
      assert.equal(userinfo.email_verified, true);
      assert.equal(userinfo.preferred_username, 'alice');
      assert.deepEqual(userinfo['role'], ['partner']);
      assert.equal(userinfo.phone_number, undefined);

      const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token as string);
      assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
      assert.equal((await oidc.fetchUserInfo(config, refreshed.access_token, alice)).sub, alice);

      const page = await visitor.newPage();
      await page.goto(
        oidc.buildEndSessionUrl(config, {
          id_token_hint: tokens.id_token as string,
          post_logout_redirect_uri: `${app.origin}/bye`,
        }).href,
      );
      // The hint is of this session, so nobody is asked.
      await page.waitForURL(`${app.origin}/bye`);
      await page.goto(
        `${server.issuer}/connect/authorize?client_id=web-app&response_type=code&scope=openid&prompt=none&redirect_uri=${encodeURIComponent(app.redirectUri)}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256&state=s`,
      );
      assert.equal(new URL(page.url()).searchParams.get('error'), 'login_required');
      await visitor.close();
    });

    it('does not ask for consent again on another device', async function () {
      needsBrowser(this);
      const visitor = await newVisitor();
      const { tokens } = await authorize(visitor, (page) => signIn(page, 'alice', PASSWORD));
      assert.equal(tokens.claims()?.sub, alice);
      await visitor.close();
    });

    it('is told when the person declines', async function () {
      needsBrowser(this);
      const visitor = await newVisitor();
      const declined = authorize(visitor, (page) => page.getByRole('button', { name: 'Cancel' }).click());
      await assert.rejects(
        declined,
        (error: oidc.AuthorizationResponseError) => error.error === 'access_denied',
      );
      await visitor.close();
    });

    it('connects a device by its code', async function () {
      needsBrowser(this);
      const config = await discover(server.issuer, 'tv');
      const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid offline_access' });
      const visitor = await newVisitor();
      const page = await visitor.newPage();
      await page.goto(started.verification_uri_complete as string);
      await page.getByRole('button', { name: 'Continue' }).click();
      assert.equal(await page.locator('.shown-code').innerText(), started.user_code);
      await page.getByRole('button', { name: 'Yes, continue' }).click();
      await signIn(page, '+86 138-0000-0001', PASSWORD);
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await page.getByRole('heading', { name: 'Device connected' }).waitFor();
      const tokens = await oidc.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.1 });
      assert.equal(tokens.claims()?.sub, alice);
      assert.ok(tokens.refresh_token);
      await visitor.close();
    });

    it('gets a token of its own with client credentials, for the API that owns the scopes', async () => {
      const config = await discover(server.issuer, 'gatehouse-cli', CLIENT_SECRET);
      const tokens = await oidc.clientCredentialsGrant(config, { scope: 'isms.user.get ids4.ms.user.get' });
      const claims = decodeJwt(tokens.access_token);
      assert.equal(claims.aud, 'isms');
      assert.equal(claims.sub, 'gatehouse-cli');
      assert.equal(claims['scope'], 'isms.user.get ids4.ms.user.get');
      assert.equal(claims['gid'], undefined);
    });

    it('accepts a resource indicator, and gives the scopes of that API', async () => {
      const config = await discover(server.issuer, 'gatehouse-cli', CLIENT_SECRET);
      const tokens = await oidc.clientCredentialsGrant(config, {
        resource: 'urn:resource:isms',
        scope: 'isms.role.get',
      });
      assert.equal(decodeJwt(tokens.access_token).aud, 'isms');
    });

    it('gets the default scopes when it asks for none', async () => {
      const config = await discover(server.issuer, 'gatehouse-cli', CLIENT_SECRET);
      assert.equal((await oidc.clientCredentialsGrant(config)).scope, 'isms.all');
    });

    it('signs in with a password, by user name, e-mail and phone number', async () => {
      const config = await discover(server.issuer, 'gatehouse-cli', CLIENT_SECRET);
      for (const username of ['alice', 'ALICE@example.com', '+8613800000001', '13800000001']) {
        const tokens = await oidc.genericGrantRequest(config, 'password', {
          username,
          password: PASSWORD,
          scope: 'openid email',
        });
        assert.equal(decodeJwt(tokens.id_token as string).sub, alice);
        assert.equal(
          (await oidc.fetchUserInfo(config, tokens.access_token, alice)).email,
          'alice@example.com',
        );
      }
    });

    it('takes a token for an API to userinfo, opaque or JWT, when openid was asked for as well', async () => {
      const scopes = ['openid', 'email', 'parcels.read', 'orders.read'];
      const secret = await server.addClient('legacy', { grantTypes: [GRANT_TYPES.password], scopes });
      const config = await discover(server.issuer, 'legacy', secret);
      for (const [scope, isJwt] of [
        ['openid email parcels.read', false],
        ['openid email orders.read', true],
      ] as const) {
        const tokens = await oidc.genericGrantRequest(config, 'password', {
          username: 'alice',
          password: PASSWORD,
          scope,
        });
        assert.equal(tokens.scope, scope);
        assert.equal(tokens.access_token.includes('.'), isJwt);
        assert.equal(
          (await oidc.fetchUserInfo(config, tokens.access_token, alice)).email,
          'alice@example.com',
        );
      }
    });

    it('refreshes what a password sign-in gave', async () => {
      const config = await discover(server.issuer, 'gatehouse-cli', CLIENT_SECRET);
      const tokens = await oidc.genericGrantRequest(config, 'password', {
        username: 'admin',
        password: ADMIN_PASSWORD,
        scope: 'openid offline_access isms.user.get',
      });
      const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token as string);
      const claims = decodeJwt(refreshed.access_token);
      assert.equal(claims.aud, 'isms');
      assert.deepEqual(claims['permission'], ['isms.all']);
    });

    it('introspects and revokes opaque tokens', async () => {
      const secret = await server.addClient('courier', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['parcels.read'],
      });
      const config = await discover(server.issuer, 'courier', secret);
      const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'parcels.read' });
      assert.doesNotMatch(token, /\./);
      const active = await oidc.tokenIntrospection(config, token);
      assert.equal(active.active, true);
      assert.equal(active.aud, 'parcels');
      assert.equal(active.client_id, 'courier');
      assert.equal(active.scope, 'parcels.read');
      await oidc.tokenRevocation(config, token);
      assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false });
    });

    it('lets an API introspect the tokens that are for it, and no others', async () => {
      const courier = await discover(
        server.issuer,
        'courier-2',
        await server.addClient('courier-2', {
          grantTypes: [GRANT_TYPES.clientCredentials],
          scopes: ['parcels.read'],
        }),
      );
      const { access_token: token } = await oidc.clientCredentialsGrant(courier, { scope: 'parcels.read' });
      const machine = { grantTypes: [GRANT_TYPES.clientCredentials], scopes: [] };
      const owner = await discover(
        server.issuer,
        'parcels-api',
        await server.addClient('parcels-api', { ...machine, resources: ['parcels'] }),
      );
      const stranger = await discover(
        server.issuer,
        'other-api',
        await server.addClient('other-api', { ...machine, resources: ['orders'] }),
      );
      assert.equal((await oidc.tokenIntrospection(owner, token)).active, true);
      assert.deepEqual(await oidc.tokenIntrospection(stranger, token), { active: false });
    });
  });
