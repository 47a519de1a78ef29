import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify, type JWTPayload } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { listen, type Listener } from '../support/listener.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

const APP = 'https://app.example.com';
const OTHER = 'https://other.example.com';
const MAIL = 'https://mail.example.com';

for (const kind of STORES)
  describe(`signing out, on ${kind}`, () => {
    let server: TestServer;
    let live: Listener;
    let dead: Listener;

    before(async () => {
      server = await startServer(kind);
      [live, dead] = [await listen(), await listen()];
      dead.status = 500;
      const web = {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        scopes: ['openid', 'offline_access'],
        tokenEndpointAuthMethod: 'none' as const,
        requireConsent: false,
      };
      await server.addClient('app', {
        ...web,
        redirectUris: [`${APP}/callback`],
        postLogoutRedirectUris: [`${APP}/bye`],
        backchannelLogoutUri: live.uri,
      });
      await server.addClient('other', {
        ...web,
        redirectUris: [`${OTHER}/callback`],
        backchannelLogoutUri: dead.uri,
        endOfflineAccessOnSignOut: true,
      });
      await server.addClient('mail', {
        ...web,
        redirectUris: [`${MAIL}/callback`],
        postLogoutRedirectUris: [`${MAIL}/bye`],
        frontchannelLogoutUri: `${MAIL}/front?a=1`,
      });
      await server.addUser({ userName: 'alice' });
    });
    after(async () => {
      await server.stop();
      await live.close();
      await dead.close();
    });

    const tokens = async (
      visitor: Visitor,
      clientId = 'app',
      scope = 'openid',
      redirectUri = `${APP}/callback`,
    ): Promise<Record<string, unknown>> => {
      const { code, verifier } = await obtainCode(server, { clientId, redirectUri, scope, visitor });
      const form = redeemForm({ clientId, redirectUri }, { code, verifier });
      const { status, body } = await server.post('/connect/token', form);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };
    const refresh = (clientId: string, token: unknown): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: String(token),
      });
    const endSession = (visitor: Visitor, parameters: Record<string, string> = {}): Promise<Page> =>
      visitor.go(`/connect/endsession?${new URLSearchParams(parameters).toString()}`);
    const signedIn = async (visitor: Visitor): Promise<boolean> => {
      const page = await visitor.go(
        `/connect/authorize?client_id=app&response_type=code&scope=openid&prompt=none&state=s` +
          `&redirect_uri=${encodeURIComponent(`${APP}/callback`)}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`,
      );
      return page.url.searchParams.has('code');
    };

    it('with a hint of this session asks nothing, and leads back to the application with its state', async () => {
      const visitor = new Visitor(server.issuer);
      const { id_token: hint } = await tokens(visitor);
      const page = await endSession(visitor, {
        id_token_hint: String(hint),
        post_logout_redirect_uri: `${APP}/bye`,
        state: 'a state',
      });
      assert.equal(page.url.href, `${APP}/bye?state=a+state`);
      assert.equal(await signedIn(visitor), false);
    });

    it('is done when nobody is signed in, without a script', async () => {
      const page = await endSession(new Visitor(server.issuer));
      assert.equal(page.status, 200);
      assert.match(page.html, /You are signed out on this device/);
    });

    it('asks the person when there is no hint, and signs out only on yes [SEC-44]', async () => {
      const visitor = new Visitor(server.issuer);
      await tokens(visitor);
      const page = await endSession(visitor, { client_id: 'app', post_logout_redirect_uri: `${APP}/bye` });
      assert.ok(page.html.includes('/endsession/confirm'));
      assert.equal(await signedIn(visitor), true);
      const after = await visitor.submit(page, '/endsession/confirm', { logout: 'yes' });
      assert.equal(after.url.href, `${APP}/bye`);
      assert.equal(await signedIn(visitor), false);
    });

    it('asks when the hint is of an earlier session of the same person: a leaked ID token signs nobody out [SEC-44]', async () => {
      const before = new Visitor(server.issuer);
      const { id_token: leaked } = await tokens(before);
      const now = new Visitor(server.issuer);
      await tokens(now);
      const page = await endSession(now, {
        id_token_hint: String(leaked),
        post_logout_redirect_uri: `${APP}/bye`,
      });
      assert.ok(page.html.includes('/endsession/confirm'));
      assert.equal(await signedIn(now), true);
      assert.equal(await signedIn(before), true);
    });

    it('refuses a hint that is not ours, or that was changed', async () => {
      const visitor = new Visitor(server.issuer);
      const { id_token: hint } = await tokens(visitor);
      const [header, payload, signature = ''] = String(hint).split('.');
      const changed = `${header}.${payload}.${signature.slice(0, -4)}AAAA`;
      for (const wrong of [changed, 'no token'])
        assert.equal((await endSession(visitor, { id_token_hint: wrong })).status, 400);
      assert.equal(await signedIn(visitor), true);
    });

    it('leads to no address but those registered, to the letter [SEC-44]', async () => {
      const visitor = new Visitor(server.issuer);
      const { id_token: hint } = await tokens(visitor);
      for (const wrong of [`${APP}/bye/`, `${APP}/BYE`, 'https://evil.example/bye', `${APP}/bye?x=1`]) {
        const page = await endSession(visitor, {
          id_token_hint: String(hint),
          post_logout_redirect_uri: wrong,
        });
        assert.equal(page.status, 400);
        assert.equal(page.url.origin, server.issuer);
      }
      assert.equal(await signedIn(visitor), true);
    });

    it('does not end what another application was given to outlive the session', async () => {
      const visitor = new Visitor(server.issuer);
      const kept = await tokens(visitor, 'app', 'openid offline_access');
      const elsewhere = await tokens(new Visitor(server.issuer), 'app', 'openid offline_access');
      const { id_token: hint } = await tokens(visitor, 'other', 'openid', `${OTHER}/callback`);
      await endSession(visitor, { id_token_hint: String(hint) });
      assert.equal(await signedIn(visitor), false);
      assert.equal((await refresh('app', kept['refresh_token'])).status, 200);
      assert.equal((await refresh('app', elsewhere['refresh_token'])).status, 200);
    });

    it('ends offline access too for a client that wants that, of this session and of no other [SEC-21]', async () => {
      const visitor = new Visitor(server.issuer);
      const mine = await tokens(visitor, 'other', 'openid offline_access', `${OTHER}/callback`);
      const phone = await tokens(
        new Visitor(server.issuer),
        'other',
        'openid offline_access',
        `${OTHER}/callback`,
      );
      await endSession(visitor, { id_token_hint: String(mine['id_token']) });
      assert.equal((await refresh('other', mine['refresh_token'])).body['error'], 'invalid_grant');
      assert.equal((await refresh('other', phone['refresh_token'])).status, 200);
    });

    it('tells every application of the session by its back channel, with a logout token [SEC-45]', async () => {
      const visitor = new Visitor(server.issuer);
      const { id_token: hint } = await tokens(visitor);
      const { sub, sid } = decodeJwt(String(hint));
      await endSession(visitor, { id_token_hint: String(hint) });
      const keys = createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`));
      const { payload } = await jwtVerify<JWTPayload & { sid: string; events: object }>(
        await live.told(sid),
        keys,
        {
          issuer: server.issuer,
          audience: 'app',
          typ: 'logout+jwt',
          requiredClaims: ['exp', 'iat', 'jti', 'sub', 'sid'],
        },
      );
      assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
      assert.equal(payload['nonce'], undefined);
      assert.deepEqual([payload.sub, payload.sid], [sub, sid]);
    });

    it('does not wait for a dead application, and tries it again until it answers [SEC-45]', async () => {
      const visitor = new Visitor(server.issuer);
      const first = await tokens(visitor, 'other', 'openid', `${OTHER}/callback`);
      const { sid } = decodeJwt(String(first['id_token']));
      const second = await tokens(visitor);
      const page = await endSession(visitor, { id_token_hint: String(first['id_token']) });
      assert.equal(page.status, 200);
      // The live one is told whatever the dead one does.
      await live.told(decodeJwt(String(second['id_token']))['sid']);
      await dead.told(sid);
      const { outbox } = server;
      const row = async (): Promise<Record<string, unknown> | undefined> =>
        (await server.context.store
          .knex('outbox')
          .where('payload', 'like', `%${String(sid)}%`)
          .first()) as Record<string, unknown> | undefined;
      await outbox.deliver();
      const waiting = await row();
      assert.equal(waiting?.['attempts'], 1);
      dead.status = 200;
      await server.context.store.knex('outbox').update({ next_at: 0 });
      await outbox.deliver();
      await dead.told(sid, 2);
      assert.equal(await row(), undefined);
      dead.status = 500;
    });

    it('tells applications in frames where they ask for that, and then goes on', async () => {
      const visitor = new Visitor(server.issuer);
      const { id_token: hint } = await tokens(visitor, 'mail', 'openid', `${MAIL}/callback`);
      const { sid } = decodeJwt(String(hint));
      const page = await endSession(visitor, {
        id_token_hint: String(hint),
        post_logout_redirect_uri: `${MAIL}/bye`,
      });
      assert.equal(page.status, 200);
      const frame = `${MAIL}/front?a=1&amp;iss=${encodeURIComponent(server.issuer)}&amp;sid=${String(sid)}`;
      assert.ok(page.html.includes(`<iframe src="${frame}"`), page.html);
      assert.equal(page.headers.get('refresh'), `3;url=${MAIL}/bye`);
      assert.match(page.headers.get('content-security-policy') ?? '', new RegExp(`frame-src ${MAIL};`));
      assert.equal(await signedIn(visitor), false);
    });

    it('writes internationalised addresses in ASCII, in headers and in the policy of pages [SEC-R17]', async () => {
      const books = 'https://bücher.example';
      const ascii = 'https://xn--bcher-kva.example';
      await server.addClient('books', {
        grantTypes: [GRANT_TYPES.code],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
        redirectUris: [`${books}/zurück?l=é`],
        postLogoutRedirectUris: [`${books}/ende`, `${books}/tschüss`],
        frontchannelLogoutUri: `${books}/头`,
      });
      const visitor = new Visitor(server.issuer);
      const first = await visitor.go(
        authorizePath({ client_id: 'books', redirect_uri: `${books}/zurück?l=é` }),
      );
      assert.match(
        first.headers.get('content-security-policy') ?? '',
        new RegExp(`form-action 'self' ${ascii};`),
      );
      const { id_token: hint } = await tokens(visitor, 'books', 'openid', `${books}/zurück?l=é`);
      const page = await endSession(visitor, {
        id_token_hint: String(hint),
        post_logout_redirect_uri: `${books}/tschüss`,
      });
      assert.equal(page.status, 200);
      assert.equal(page.headers.get('refresh'), `3;url=${ascii}/tsch%C3%BCss`);
      assert.match(page.headers.get('content-security-policy') ?? '', new RegExp(`frame-src ${ascii};`));
      assert.ok(page.html.includes(`<iframe src="${ascii}/%E5%A4%B4?iss=`), page.html);
    });

    it('goes through without a script when somebody else signs in over a session', async () => {
      const visitor = new Visitor(server.issuer);
      await server.addUser({ userName: 'bea' });
      const { id_token: first } = await tokens(visitor);
      const { code, verifier } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: `${APP}/callback`,
        user: 'bea',
        more: { prompt: 'login' },
        visitor,
      });
      const { body } = await server.post(
        '/connect/token',
        redeemForm({ clientId: 'app', redirectUri: `${APP}/callback` }, { code, verifier }),
      );
      assert.notEqual(decodeJwt(String(body['id_token'])).sub, decodeJwt(String(first)).sub);
    });
  });
