import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import Provider, { type Client as OidcClient } from 'oidc-provider';
import { deleteClient, findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { FetchedKeys, FetchedKeysCache, followKeys } from '../../src/oidc/client-keys.js';
import { STORES } from '../support/config.js';
import { clientCert, newCertificate } from '../support/certificates.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, Visitor } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';

interface Pair {
  jwk: JWK;
  privateKey: CryptoKey;
}

let pairs = 0;
async function newPair(): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { jwk: { ...(await exportJWK(publicKey)), kid: `key-${++pairs}` }, privateKey };
}

/** A client's `jwks_uri`: the keys that it has now, how often it was asked, and what it answers with. */
class KeyServer {
  keys: JWK[] = [];
  status = 200;
  asked = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((_request, response) => {
      this.asked += 1;
      response.writeHead(this.status, { 'cache-control': 'max-age=31536000' });
      response.end(JSON.stringify({ keys: this.keys }));
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://localhost:${(this.#server.address() as AddressInfo).port}/jwks`;
  }

  close(): void {
    this.#server.close();
  }
}

for (const kind of STORES)
  describe(`a client’s keys at its jwks_uri, on ${kind}`, () => {
    let server: TestServer;
    let remote: KeyServer;
    let address: string;
    let clientId: string;
    let made = 0;

    before(async () => {
      server = await startServer(kind, { GATEHOUSE_TRUST_PROXY: '127.0.0.1' });
      await server.addApi('orders', ['orders.read']);
    });
    after(() => server.stop());
    beforeEach(async () => {
      remote = new KeyServer();
      address = await remote.open();
      clientId = `signer-${++made}`;
      await server.addClient(clientId, {
        grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.code],
        redirectUris: [APP],
        scopes: ['openid', 'orders.read'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwksUri: address,
      });
    });
    afterEach(() => remote.close());

    const signed = (pair: Pair, claims: Record<string, unknown>): Promise<string> =>
      new SignJWT({ jti: `jwt-${++made}`, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: pair.jwk.kid ?? '' })
        .setIssuer(clientId)
        .setAudience(server.issuer)
        .setIssuedAt()
        .setExpirationTime('1 minute')
        .sign(pair.privateKey);
    const ask = async (pair: Pair): Promise<number> => {
      const { status }: Answer = await server.post('/connect/token', {
        grant_type: 'client_credentials',
        scope: 'orders.read',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await signed(pair, { sub: clientId }),
      });
      return status;
    };

    it('are used at once when they are new, and fetched again once in 10 seconds at the most [SEC-R14]', async () => {
      const [first, second, third] = [await newPair(), await newPair(), await newPair()];
      remote.keys = [first.jwk];
      assert.deepEqual([await ask(first), remote.asked], [200, 1]);
      remote.keys = [second.jwk];
      assert.deepEqual([await ask(second), remote.asked], [200, 2]);
      remote.keys = [third.jwk];
      const answers = await Promise.all([third, third, first, await newPair()].map(ask));
      assert.deepEqual([answers, remote.asked], [[401, 401, 401, 401], 2]);
      assert.deepEqual([await ask(second), remote.asked], [200, 2]);
    });

    it('are fetched once for a stranger’s key that comes first', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      assert.deepEqual([await ask(await newPair()), remote.asked], [401, 1]);
      assert.deepEqual([await ask(own), remote.asked], [200, 1]);
    });

    it('are fetched once for many requests that come before the client is known [SEC-R14]', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      assert.deepEqual(await Promise.all(Array.from({ length: 50 }, () => ask(own))), Array(50).fill(200));
      assert.equal(remote.asked, 1);
    });

    it('are fetched again for signed requests as well [SEC-R14]', async () => {
      const [first, second] = [await newPair(), await newPair()];
      const authorize = async (pair: Pair): Promise<boolean> => {
        const parameters = new URLSearchParams(
          authorizePath({ client_id: clientId, redirect_uri: APP, scope: 'openid', state: 's' }).split(
            '?',
          )[1],
        );
        const request = await signed(pair, { ...Object.fromEntries(parameters) });
        const page = await new Visitor(server.issuer).go(
          `/connect/authorize?${new URLSearchParams({ client_id: clientId, request, scope: 'openid', response_type: 'code' }).toString()}`,
        );
        return page.url.pathname.startsWith('/interaction/');
      };
      remote.keys = [first.jwk];
      assert.deepEqual([await authorize(first), remote.asked], [true, 1]);
      remote.keys = [second.jwk];
      assert.deepEqual([await authorize(second), remote.asked], [true, 2]);
      assert.deepEqual([await authorize(await newPair()), remote.asked], [false, 2]);
    });

    it('are fetched again for a certificate that they do not name [SEC-R14]', async () => {
      const certificateOf = (name: string) => newCertificate(`/CN=${name}`, `DNS:${name}.example.com`);
      const jwkOf = async (certificate: ReturnType<typeof certificateOf>): Promise<JWK> => ({
        ...(await exportJWK(certificate.publicKey)),
        x5c: [certificate.raw.toString('base64')],
      });
      const id = `tls-${clientId}`;
      await server.addClient(id, {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
        tokenEndpointAuthMethod: 'self_signed_tls_client_auth',
        jwksUri: address,
      });
      const askWith = async (certificate: ReturnType<typeof certificateOf>): Promise<number> =>
        (
          await server.post(
            '/connect/token',
            { grant_type: 'client_credentials', scope: 'orders.read', client_id: id },
            clientCert(certificate),
          )
        ).status;
      const [first, second] = [certificateOf('first'), certificateOf('second')];
      remote.keys = [await jwkOf(first)];
      assert.deepEqual([await askWith(first), await askWith(first), remote.asked], [200, 200, 1]);
      remote.keys = [await jwkOf(second)];
      assert.deepEqual([await askWith(second), remote.asked], [200, 2]);
      assert.deepEqual([await askWith(first), remote.asked], [401, 2]);
    });

    /** Something of the tenant changes that is not about this client: the tenant gets a new runtime. */
    const changeElsewhere = (): Promise<void> => server.change(async () => undefined);

    it('are fetched no more often when something else of the tenant changes [SEC-R14]', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      assert.equal(await ask(own), 200);
      for (let round = 0; round < 3; round++) {
        await changeElsewhere();
        const answers = await Promise.all([await newPair(), await newPair(), own].map(ask));
        assert.deepEqual(answers, [401, 401, 200]);
      }
      assert.equal(remote.asked, 2);
    });

    it('serve on when something else of the tenant changes while their address does not answer [SEC-R14]', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      assert.equal(await ask(own), 200);
      remote.status = 503;
      await changeElsewhere();
      assert.deepEqual([await ask(await newPair()), await ask(own), remote.asked], [401, 200, 2]);
      await changeElsewhere();
      assert.deepEqual([await ask(own), await ask(await newPair()), remote.asked], [200, 401, 2]);
    });

    it('are those of the client, not of one before it with the same id, and of the address that it has now [SEC-R14]', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      assert.deepEqual([await ask(own), remote.asked], [200, 1]);
      const settings = await server.change(async (db) => {
        const client = await findClient(db, clientId);
        await deleteClient(db, client);
        return client.settings;
      });
      await server.addClient(clientId, settings);
      assert.deepEqual([await ask(own), remote.asked], [200, 2]);
      const jwksUri = `${address}?moved`;
      await server.change((db) => updateClientSettings(db, clientId, { ...settings, jwksUri }));
      assert.deepEqual([await ask(own), remote.asked], [200, 3]);
    });

    it('are asked for once in 10 seconds where they can not be had [SEC-R14]', async () => {
      const own = await newPair();
      remote.keys = [own.jwk];
      remote.status = 500;
      assert.deepEqual([await ask(own), await ask(own), await ask(own), remote.asked], [401, 401, 401, 1]);
    });
  });

describe('a client’s keys, as time passes', () => {
  let remote: KeyServer;
  let client: OidcClient;
  let keys: {
    freshUntil: number;
    selectForVerify(options: object): object[];
    fresh(): boolean;
    refresh(): Promise<void>;
  };
  let clock = 0;
  const later = (ms: number): void => {
    clock += ms;
    keys.freshUntil -= ms / 1000; // the library reads the time of day
  };

  beforeEach(async () => {
    remote = new KeyServer();
    remote.keys = [(await newPair()).jwk];
    const provider = new Provider('http://localhost', {
      clients: [
        {
          client_id: 'c',
          token_endpoint_auth_method: 'private_key_jwt',
          grant_types: ['client_credentials'],
          response_types: [],
          redirect_uris: [],
          jwks_uri: (await remote.open()).replace('http:', 'https:'),
        },
      ],
      features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
      fetch: (url) => fetch((url as string).replace('https:', 'http:')),
    });
    client = (await provider.Client.find('c')) as OidcClient;
    clock = 0;
    followKeys(client, { fetched: new FetchedKeys(), keep: () => undefined }, () => clock);
    keys = client['asymmetricKeyStore'] as typeof keys;
    await keys.refresh();
  });
  afterEach(() => remote.close());

  const select = (): number => keys.selectForVerify({ alg: 'ES256' }).length;
  /** What the library does when no key has fitted. */
  const notFitting = async (): Promise<boolean> => {
    if (keys.fresh()) return false;
    await keys.refresh();
    return true;
  };

  it('end after five minutes, whatever their headers say, so that one that was taken away ends [SEC-R14]', async () => {
    later(299_000);
    assert.equal(select(), 1);
    remote.keys = [];
    later(2_000);
    assert.equal(select(), 0);
    assert.equal(await notFitting(), true);
    assert.deepEqual([select(), remote.asked], [0, 2]);
  });

  it('are fetched again for what does not fit, ten seconds after the last time', async () => {
    assert.deepEqual([await notFitting(), remote.asked], [true, 2]);
    later(9_999);
    assert.deepEqual([await notFitting(), remote.asked], [false, 2]);
    later(1);
    assert.deepEqual([await notFitting(), remote.asked], [true, 3]);
  });

  it('serve for an hour while their address does not answer, which is asked once in ten seconds', async () => {
    remote.status = 503;
    later(301_000);
    assert.equal(await notFitting(), true);
    assert.deepEqual([select(), await notFitting(), remote.asked], [1, false, 2]);
    later(10_000);
    assert.equal(select(), 0);
    assert.equal(await notFitting(), true);
    assert.deepEqual([select(), remote.asked], [1, 3]);
    later(3_600_000);
    assert.equal(select(), 0);
    await assert.rejects(notFitting());
  });

  for (const [what, key] of Object.entries({
    'a symmetric key': { kty: 'oct', k: 'AAAA' },
    'a key id that is no text': { kty: 'EC', kid: 7 },
  }))
    it(`serve on while their address answers with ${what} among them [SEC-R14]`, async () => {
      remote.keys.push(key as unknown as JWK);
      later(301_000);
      assert.equal(await notFitting(), true);
      assert.deepEqual([select(), remote.asked], [1, 2]);
    });

  it('are kept for the client’s next object in this process, and those least used go when they are too many [SEC-R14]', () => {
    const cache = new FetchedKeysCache();
    const of = (id: string): FetchedKeys =>
      cache.of('tenant', { id, jwksUri: 'https://c.example/jwks' }).fetched;
    const first = of('first');
    assert.equal(of('first'), first);
    for (let at = 0; at < 65_536; at++) of(`other-${at}`);
    assert.notEqual(of('first'), first);
  });
});
