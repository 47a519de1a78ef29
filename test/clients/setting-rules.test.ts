import assert from 'node:assert/strict';
import { CLIENT_SETTINGS, type ClientSettings } from '../../src/clients/schema.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { userToken, type ApiAnswer } from '../support/management.js';
import { oneOf, placeOf } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';

const CALLBACK = 'https://app.example.com/callback';
const CODE = 'authorization_code';
const REFRESH = 'refresh_token';
const TRUST = 'requireConsent: false';

/** A change of a setting, and how it is answered where the client is the caller's own, and where it is trusted as well. */
interface Try {
  /** What the client has before; an administrator gives it. */
  has?: Data;
  change: Data;
  own: 'done' | 'refused';
  trusted: 'done' | 'refused';
}

const wider = (change: Data, has: Data = {}): Try => ({ has, change, own: 'done', trusted: 'refused' });
const free = (change: Data, has: Data = {}): Try => ({ has, change, own: 'done', trusted: 'done' });
const never = (change: Data, has: Data = {}): Try => ({ has, change, own: 'refused', trusted: 'refused' });
const shorter = (field: string): Try[] => [
  wider({ [field]: 301 }, { [field]: 300 }),
  wider({ [field]: null }, { [field]: 300 }),
  free({ [field]: 299 }, { [field]: 300 }),
  free({ [field]: 300 }),
];
const safer = (field: string): Try[] => [
  wider({ [field]: false }, { [field]: true }),
  wider({ [field]: null }, { [field]: true }),
  free({ [field]: true }),
];
const KEYS = { jwksUri: 'https://keys.example.com/jwks' };

/** Each setting has its tries: without them a new setting does not compile here. */
const TRIES: Record<keyof ClientSettings, Try[]> = {
  applicationType: [wider({ applicationType: 'native' })],
  grantTypes: [wider({ grantTypes: [CODE, REFRESH, 'client_credentials'] }), free({ grantTypes: [CODE] })],
  redirectUris: [wider({ redirectUris: [CALLBACK, 'https://mine.example.com/callback'] })],
  postLogoutRedirectUris: [wider({ postLogoutRedirectUris: ['https://mine.example.com/bye'] })],
  scopes: [wider({ scopes: ['openid', 'email'] }), free({ scopes: ['openid'] })],
  defaultScopes: [free({ defaultScopes: ['openid'] })],
  resources: [wider({ resources: ['mine'] })],
  tokenEndpointAuthMethod: [
    wider({ tokenEndpointAuthMethod: 'none' }),
    free({ tokenEndpointAuthMethod: 'client_secret_post' }),
  ],
  requireConsent: [never({ requireConsent: false }), free({ requireConsent: true })].map((each) => ({
    ...each,
    trusted: 'done',
  })),
  requirePkce: [wider({ requirePkce: false })],
  corsOrigins: [wider({ corsOrigins: ['https://mine.example.com'] })],
  clientUri: [free({ clientUri: 'https://mine.example.com' })],
  logoUri: [free({ logoUri: 'https://mine.example.com/logo.png' })],
  policyUri: [free({ policyUri: 'https://mine.example.com/policy' })],
  tosUri: [free({ tosUri: 'https://mine.example.com/terms' })],
  contacts: [free({ contacts: ['mine@example.com'] })],
  accessTokenLifetime: shorter('accessTokenLifetime'),
  refreshTokenIdle: shorter('refreshTokenIdle'),
  refreshTokenAbsolute: shorter('refreshTokenLifetime'),
  refreshTokenReuseWindow: [
    wider({ refreshTokenReuseWindow: 1 }),
    wider({ refreshTokenReuseWindow: 11 }, { refreshTokenReuseWindow: 10 }),
    free({ refreshTokenReuseWindow: null }, { refreshTokenReuseWindow: 10 }),
  ],
  endOfflineAccessOnSignOut: safer('endOfflineAccessOnSignOut'),
  jwks: [free({ jwks: null }, { jwks: { keys: [] } })],
  jwksUri: [free(KEYS)],
  tlsClientAuthSubjectDn: [
    free({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSubjectDn: 'CN=mine' }),
  ],
  tlsClientAuthSanDns: [
    free({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSanDns: 'mine.example.com' }),
  ],
  tlsClientAuthSanUri: [
    free({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSanUri: 'https://mine.example.com' }),
  ],
  tlsClientCertificateBoundAccessTokens: safer('tlsClientCertificateBoundAccessTokens'),
  dpopBoundAccessTokens: safer('dpopBoundAccessTokens'),
  signInRate: [
    never({ signInRate: 1_000_000 }),
    never({ signInRate: 6 }, { signInRate: 5 }),
    never({ signInRate: 4 }, { signInRate: 5 }),
    never({ signInRate: null }, { signInRate: 5 }),
    free({ signInRate: 5 }, { signInRate: 5 }),
  ],
  requirePushedAuthorizationRequests: safer('requirePushedAuthorizationRequests'),
  requireSignedRequestObject: [
    wider({ requireSignedRequestObject: false }, { ...KEYS, requireSignedRequestObject: true }),
    free({ requireSignedRequestObject: true }, KEYS),
  ],
  idTokenSignedResponseAlg: [free({ idTokenSignedResponseAlg: 'ES256' })],
  introspectionSignedResponseAlg: [free({ introspectionSignedResponseAlg: 'ES256' })],
  backchannelLogoutUri: [free({ backchannelLogoutUri: 'https://mine.example.com/logout' })],
  frontchannelLogoutUri: [free({ frontchannelLogoutUri: 'https://app.example.com/logout' })],
};

for (const kind of STORES)
  describe(`settings of a confined developer's client, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let developer: Caller;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      const words = ['isms.client.all', 'isms.apiresource.all'];
      developer = caller(server, await userToken(server, words, words, undefined, ['developer']));
      await developer.done('POST', '/api/ApiResource', { name: 'mine', scopes: [{ name: 'read' }] });
    });
    after(() => server.stop());

    const client = async (has: Data = {}): Promise<Data> => {
      const made = await developer.done('POST', '/api/Client', {
        grantTypes: [CODE, REFRESH],
        redirectUris: [CALLBACK],
        scopes: ['openid', 'offline_access'],
      });
      return admin.done('PUT', '/api/Client', { id: made['id'], ...has });
    };
    const outcome = ({ status, body }: ApiAnswer): string => {
      if (status === 403) return 'refused';
      assert.equal(status, 200, JSON.stringify(body));
      return 'done';
    };

    for (const setting of Object.keys(CLIENT_SETTINGS.properties) as (keyof ClientSettings)[])
      for (const [at, { has, change, own, trusted }] of TRIES[setting].entries())
        it(`answers ${JSON.stringify(change)} after ${JSON.stringify(has)}: ${own}, trusted: ${trusted} [SEC-R5]`, async () => {
          const asOwn = async (): Promise<void> => {
            const { id } = await client(has);
            assert.equal(outcome(await developer.ask('PUT', '/api/Client', { id, ...change })), own);
          };
          const asTrusted = async (): Promise<void> => {
            const { id } = await client({ ...has, requireConsent: false });
            const answer = await developer.ask('PUT', '/api/Client', { id, ...change });
            assert.equal(outcome(answer), trusted);
            if (trusted === 'refused' && own === 'done')
              assert.deepEqual(answer.body['data'], { missing: 'permission', name: TRUST });
          };
          for (const check of oneOf([asOwn, asTrusted], at + placeOf(kind))) await check();
        });

    it('take no number of sign-ins when they are made, of which a new client would count [SEC-R24]', async () => {
      for (const template of ['web', 'machine']) {
        const body = { template, redirectUris: template === 'web' ? [CALLBACK] : [], signInRate: 1_000_000 };
        const { status, body: said } = await developer.ask('POST', '/api/Client', body);
        assert.deepEqual(
          [status, said['data']],
          [403, { missing: 'permission', name: 'signInRate: 1000000' }],
        );
      }
      const { id } = await admin.done('POST', '/api/Client', { template: 'machine', signInRate: 7 });
      assert.equal((await admin.done('PUT', '/api/Client', { id, signInRate: 8 }))['signInRate'], 8);
    });

    describe('after an administrator has disabled it', () => {
      const disabled = async (has: Data): Promise<Data> => {
        const { id } = await client({ resources: [], ...has });
        return admin.done('PUT', '/api/Client', { id, enabled: false });
      };
      const MORE: [Data, string, string][] = [
        [{ requireConsent: false }, 'permission', TRUST],
        [{ grantTypes: [CODE, 'password'] }, 'permission', 'password'],
        [{ signInRate: 5 }, 'permission', 'signInRate: 5'],
        [{ scopes: ['openid', 'theirs.read'] }, 'owner', 'theirs.read'],
        [{ resources: ['theirs'] }, 'owner', 'theirs'],
      ];
      before(() => server.addApi('theirs', ['theirs.read']));

      it('keeps the number of sign-ins that an administrator has set [SEC-R24]', async () => {
        const { id } = await disabled({ signInRate: 5, requireConsent: false });
        const without = { id, enabled: true, requireConsent: true, signInRate: null };
        const { status, body } = await developer.ask('PUT', '/api/Client', without);
        assert.deepEqual([status, body['data']], [403, { missing: 'permission', name: 'signInRate: 5' }]);
      });

      for (const [has, missing, name] of MORE)
        it(`is not enabled by its owner where it has ${JSON.stringify(has)} [SEC-R5]`, async () => {
          const { id } = await disabled(has);
          const { status, body } = await developer.ask('PUT', '/api/Client', { id, enabled: true });
          assert.deepEqual([status, body['data']], [403, { missing, name }]);
          await developer.done('PUT', '/api/Client', { id, clientName: 'Mine' });
          assert.equal((await admin.done('GET', `/api/Client/${id}`))['enabled'], false);
          assert.equal((await admin.done('PUT', '/api/Client', { id, enabled: true }))['enabled'], true);
          await developer.done('PUT', '/api/Client', { id, enabled: true });
        });

      it('is enabled by its owner where it has no more than the owner could give, or no longer', async () => {
        const plain = await disabled({ scopes: ['openid', 'mine.read'] });
        await developer.done('PUT', '/api/Client', { id: plain['id'], enabled: true });
        const { id } = await disabled({ requireConsent: false });
        await developer.done('PUT', '/api/Client', { id, enabled: true, requireConsent: true });
      });

      it('is deleted by its owner', async () => {
        const { id } = await disabled({ requireConsent: false });
        await developer.done('DELETE', `/api/Client/${id}`);
      });
    });
  });
