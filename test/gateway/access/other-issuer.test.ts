import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
} from 'jose';
import { KeySets } from '../../../src/gateway/access/key-sets.js';
import { otherIssuer } from '../../../src/gateway/access/other-issuer.js';
import type { LiveAuthServer } from '../../../src/gateway/types.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, operation, version, type Called, type Node } from './fixture.js';
import { bearer } from './tokens.js';

interface Key {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

async function newKey(kid: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } };
}

const INVALID = 'Bearer error="invalid_token"';
const ISSUER = 'https://login.example';
const now = (): number => Math.floor(Date.now() / 1000);

describe('a token of another authorization server', () => {
  let server: TestServer;
  let node: Node;
  let key: Key;
  let published: JWK[];
  let keyServer: Server;
  let called: Called;

  before(async () => {
    server = await startServer('sqlite');
    await server.addApi('orders', ['orders.read']);
    node = await openNode(server, 'orders');
    key = await newKey('one');
    published = [key.jwk];
    keyServer = createServer((_request, response) => response.end(JSON.stringify({ keys: published })));
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
    called = at('/keys');
  });
  after(async () => {
    await node.close();
    await new Promise((resolve) => keyServer.close(resolve));
    await server.stop();
  });

  function at(path: string, more: Partial<LiveAuthServer> = {}): Called {
    const { port } = keyServer.address() as AddressInfo;
    const jwksUri = `http://127.0.0.1:${port}${path}`;
    return {
      version: version({ authServer: { id: 's', issuer: ISSUER, audience: 'theirs', jwksUri, ...more } }),
    };
  }

  const token = (
    claims: Record<string, unknown> = {},
    { header = {}, by = key }: { header?: Partial<JWTHeaderParameters>; by?: Key } = {},
  ): Promise<string> =>
    new SignJWT({
      ...{ iss: ISSUER, aud: 'theirs', sub: 'somebody', client_id: 'app' },
      ...{ scope: 'read write', iat: now(), exp: now() + 300 },
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: by.kid, ...header })
      .sign(by.privateKey);

  it('is taken by its published keys, with scopes in `scope` or `scp`', async () => {
    const { caller } = await node.call(bearer(await token()), called);
    assert.deepEqual(
      [caller?.subject, caller?.clientId, caller?.userKey, caller?.scopes],
      ['somebody', 'app', undefined, ['read', 'write']],
    );
    for (const scp of ['read', ['read']]) {
      const found = await node.call(bearer(await token({ scope: undefined, scp })), called);
      assert.deepEqual(found.caller?.scopes, ['read']);
    }
  });

  it('has no permissions, whatever its subject is called [SEC-G13]', async () => {
    const { userKey } = await server.addUser({
      userName: 'root',
      claims: [{ type: 'permission', value: 'x' }],
    });
    const needs = { ...called, operation: operation({ permissions: ['x'] }) };
    const { problem } = await node.call(bearer(await token({ sub: userKey })), needs);
    assert.equal(problem?.word, 'permission');
  });

  const REFUSED: [title: string, text: () => Promise<string>][] = [
    ['of another issuer', () => token({ iss: 'https://other.example' })],
    ['for another audience', () => token({ aud: 'orders' })],
    ['that has expired', () => token({ exp: now() - 60 })],
    ['without an expiry', () => token({ exp: undefined })],
    ['that is not valid yet', () => token({ nbf: now() + 60 })],
    ['with the type of an ID token’s sibling', () => token({}, { header: { typ: 'logout+jwt' } })],
    ['that is an ID token', () => token({ nonce: 'n' }, { header: { typ: 'JWT' } })],
    ['that Keycloak calls an ID token', () => token({ typ: 'ID' }, { header: { typ: 'JWT' } })],
    ['that another key signs', async () => token({}, { by: { ...(await newKey('one')), kid: 'one' } })],
    ['bound to a key, without a proof', () => token({ cnf: { jkt: 'A'.repeat(43) } })],
    ['bound in a way that is not known', () => token({ cnf: { kid: 'x' } })],
    [
      'with the public key as a secret',
      async () => {
        const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
        return new SignJWT({ iss: ISSUER, aud: 'theirs', sub: 's', exp: now() + 60 })
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'one' })
          .sign(secret);
      },
    ],
    [
      'without a signature',
      async () => {
        const [, body = ''] = (await token()).split('.');
        return `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${body}.`;
      },
    ],
    ['of the tenant’s own form, opaque', async () => 'A'.repeat(43)],
  ];
  for (const [title, text] of REFUSED)
    it(`is refused with 401: one ${title} [SEC-G11]`, async () => {
      const { problem } = await node.call(bearer(await text()), called);
      assert.deepEqual([problem?.word, problem?.headers?.['WWW-Authenticate']], ['token', INVALID]);
    });

  it('makes the keys be read again for a key that is not known, once in 30 seconds', async () => {
    let time = 0;
    let reads = 0;
    const other = await newKey('two');
    let set: JWK[] = [key.jwk];
    const fetchKeys = async (): Promise<Buffer> => {
      reads += 1;
      return Buffer.from(JSON.stringify({ keys: set }));
    };
    const sets = new KeySets(fetchKeys, server.context.log, () => time);
    const jwksUri = 'https://login.example/keys';
    const check = async (by: Key): Promise<boolean> => {
      const found = otherIssuer(sets, server.home.tenant, {
        id: 's',
        issuer: ISSUER,
        audience: 'theirs',
        jwksUri,
      });
      return (await found.read(await token({}, { by }))) !== undefined;
    };
    assert.deepEqual([await check(key), reads], [true, 1]);
    set = [key.jwk, other.jwk];
    time = 29_999;
    assert.deepEqual([await check(other), await check(key), reads], [false, true, 1]);
    time = 30_000;
    assert.deepEqual([await check(other), reads], [true, 2]);
    for (let n = 0; n < 5; n++) assert.equal(await check(await newKey(`unknown ${n}`)), false);
    assert.equal(reads, 2);
    // Keys that were withdrawn are gone after five minutes; the call that finds them old does not wait.
    set = [other.jwk];
    time = 331_000;
    assert.equal(await check(other), true);
    await until(() => reads === 3);
    await until(async () => !(await check(key)));
  });

  it('is refused where the keys cannot be read, or are none [SEC-G11]', async () => {
    assert.equal(
      (await node.call(bearer(await token()), at('', { jwksUri: 'http://127.0.0.1:1/' }))).problem?.word,
      'token',
    );
    published = [{ kty: 'oct', k: 'c2VjcmV0', kid: 'one' }];
    assert.equal((await node.call(bearer(await token()), at('/none'))).problem?.word, 'token');
  });
});
