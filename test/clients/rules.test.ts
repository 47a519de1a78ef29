import assert from 'node:assert/strict';
import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import {
  addClientSecret,
  clientSettings,
  findClient,
  GRANT_TYPES,
  insertClient,
  type Client,
  type ClientSettings,
} from '../../src/clients/index.js';
import { lockClient, writeClient } from '../../src/clients/store.js';
import { matchesSecret } from '../../src/secrets/index.js';
import { Invalid } from '../../src/kernel/errors.js';
import { tenantDb, tenantTransaction, Vault } from '../../src/store/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';
import { RESERVED } from '../support/server.js';

const APP = 'https://app.example.com/callback';
const web: Partial<ClientSettings> = { grantTypes: [GRANT_TYPES.code], redirectUris: [APP] };
const publicJwk = (pair: { publicKey: KeyObject }): JsonWebKey => pair.publicKey.export({ format: 'jwk' });
const KEY = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const SHORT_RSA_KEY = publicJwk(generateKeyPairSync('rsa', { modulusLength: 1024 }));

onEveryStore('a client', (open) => {
  let tenantId: string;
  let clients = 0;
  before(async () => {
    tenantId = (await open().transaction((trx) => createTenantAt(trx, 'rules', 'rules.example.com'))).id;
  });
  const insert = (settings: Record<string, unknown>): Promise<string> => {
    const clientId = `client-${++clients}`;
    return insertClient(
      tenantDb(open().knex, tenantId),
      {
        clientId,
        clientName: clientId,
        settings: clientSettings(settings),
      },
      RESERVED,
    );
  };

  for (const [why, settings] of [
    [
      'signs with keys that it gives',
      { ...web, tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys: [KEY] } },
    ],
    ['says where its keys are', { ...web, jwksUri: 'https://app.example.com/jwks' }],
    ['is told of the end of a session', { ...web, backchannelLogoutUri: 'https://api.example.com/logout' }],
    [
      'is told in a frame of its own origin',
      { ...web, frontchannelLogoutUri: 'https://app.example.com/out' },
    ],
    ['may refresh twice within a minute', { ...web, refreshTokenReuseWindow: 60 }],
  ] as const)
    it(`may be one that ${why}`, async () => {
      assert.ok(await insert(settings));
    });

  it('can not have an id that a user could have [SEC-24]', async () => {
    await assert.rejects(
      insertClient(
        tenantDb(open().knex, tenantId),
        {
          clientId: '0b5e6c1e-7a43-4c19-9d6e-3f1f2a4b5c6d',
          clientName: 'x',
          settings: clientSettings(web),
        },
        RESERVED,
      ),
      (error: Error) => error instanceof Invalid && error.key === 'clientId',
    );
  });

  it('has several secrets at a time, so that one can be replaced by the other, and not any number [SEC-28]', async () => {
    const db = tenantDb(open().knex, tenantId);
    await insertClient(
      db,
      { clientId: 'twice', clientName: 'twice', settings: clientSettings(web) },
      RESERVED,
    );
    const vault = new Vault(Buffer.alloc(32, 1));
    const [first, second] = [
      await addClientSecret(db, vault, 'twice'),
      await addClientSecret(db, vault, 'twice'),
    ];
    const { secrets } = await findClient(db, 'twice');
    for (const secret of [first, second]) assert.ok(matchesSecret(vault, secrets, secret, Date.now()));
    for (let n = 2; n < 10; n += 1) await addClientSecret(db, vault, 'twice');
    await assert.rejects(addClientSecret(db, vault, 'twice'), Invalid);
  });

  for (const [field, settings, why] of [
    ['nonsense', { ...web, nonsense: true }, /is not a setting/],
    ['redirectUris', { ...web, redirectUris: 'https://app.example.com' }, /must be array/],
    ['redirectUris', { ...web, redirectUris: ['https://*.example.com/callback'] }, /wildcard/],
    ['redirectUris', { ...web, redirectUris: ['http://app.example.com/callback'] }, /must be https/],
    ['refreshTokenReuseWindow', { ...web, refreshTokenReuseWindow: 61 }, /<= 60/],
    ['idTokenSignedResponseAlg', { ...web, idTokenSignedResponseAlg: 'none' }, /ES256, RS256, PS256, EdDSA/],
    ['jwks', { ...web, tokenEndpointAuthMethod: 'private_key_jwt' }, /give its public keys/],
    ['jwks', { ...web, jwks: { keys: [{ ...KEY, d: 'secret' }] } }, /private or symmetric/],
    ['jwks', { ...web, jwks: { keys: [{ kty: 'oct', k: 'secret' }] } }, /private or symmetric/],
    ['jwks', { ...web, jwks: { keys: [KEY, { constructor: 1 }] } }, /key 2 has no kty; correct or remove it/],
    ['jwks', { ...web, jwks: { keys: [{ ...KEY, x: { a: 1 } }] } }, /key 1 has "x" that is not text/],
    ['jwks', { ...web, jwks: { keys: [{ ...KEY, x5c: [1] }] } }, /has "x5c" that is not a list of texts/],
    ['jwks', { ...web, jwks: { keys: [{ ...KEY, y: KEY.x }] } }, /is not a public key of the type EC P-256/],
    ['jwks', { ...web, jwks: { keys: [SHORT_RSA_KEY] } }, /has 1024 bits; 2048 are the least/],
    ['jwksUri', { ...web, jwks: { keys: [KEY] }, jwksUri: 'https://a.example/jwks' }, /not both/],
    ['jwksUri', { ...web, jwksUri: 'http://169.254.169.254/jwks' }, /must be an https address/],
    [
      'backchannelLogoutUri',
      { ...web, backchannelLogoutUri: 'http://app.example.com/out' },
      /must be an https/,
    ],
    [
      'frontchannelLogoutUri',
      { ...web, frontchannelLogoutUri: 'https://else.example.com/out' },
      /same origin/,
    ],
    ['tlsClientAuthSubjectDn', { ...web, tokenEndpointAuthMethod: 'tls_client_auth' }, /exactly one/],
    [
      'dpopBoundAccessTokens',
      { ...web, dpopBoundAccessTokens: true, tlsClientCertificateBoundAccessTokens: true },
      /not to both/,
    ],
    [
      'grantTypes',
      { grantTypes: [GRANT_TYPES.tokenExchange], tokenEndpointAuthMethod: 'none' },
      /needs a client that authenticates/,
    ],
  ] as const)
    it(`is refused for ${field}: ${why.source} [SEC-1]`, async () => {
      await assert.rejects(
        insert(settings),
        (error: Error) => error instanceof Invalid && error.key === field && why.test(error.message),
      );
    });

  it('that is older than the rules for keys can be changed, and gets no other such key', async () => {
    const id = await insert({ ...web, jwks: { keys: [KEY] } });
    const rows = open().knex('clients').where({ id });
    const older = clientSettings({ ...web, jwks: { keys: [SHORT_RSA_KEY] } });
    await rows.clone().update({ settings: JSON.stringify(older) });
    const change = (changed: Partial<Client>): Promise<void> =>
      tenantTransaction(open(), tenantId, async (db) => {
        const before = await lockClient(db, id);
        await writeClient(db, before, { ...before, ...changed });
      });
    await change({ clientName: 'Renamed', settings: { ...older, accessTokenLifetime: 60 } });
    const kept = await rows.clone().first<{ client_name: string }>('client_name');
    assert.equal(kept.client_name, 'Renamed');
    await assert.rejects(
      change({ settings: { ...older, jwks: { keys: [SHORT_RSA_KEY, KEY] } } }),
      /key 1 has 1024 bits/,
    );
  });
});
