import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { GRANT_TYPES } from '../../../src/clients/index.js';
import type { Gatehouse } from '../../../src/main.js';
import { clientCert, newCertificate } from '../../support/certificates.js';
import { STORES } from '../../support/config.js';
import { newDpopKey, proofOf, type DpopKey } from '../../support/dpop.js';
import { startServer, type TestServer } from '../../support/server.js';
import { openNode, type Node, type Outcome } from './fixture.js';
import { APPLICATION, bearer, TokenMaker } from './tokens.js';

const PATH = '/gateway/orders/items';
const BEARER = 'Bearer error="invalid_token"';
const dpopError = (error: string): string => `${BEARER}, DPoP error="${error}", algs="ES256 EdDSA"`;
const challengeOf = ({ problem }: Outcome): unknown => problem?.headers?.['WWW-Authenticate'];

interface Proof {
  htm?: string;
  htu?: string;
  ath?: string;
  iat?: number;
  nonce?: string;
  jti?: string;
  signWith?: DpopKey;
}

for (const kind of STORES)
  describe(`a key-bound token at the gateway, on ${kind}`, () => {
    let server: TestServer;
    let second: Gatehouse;
    let node: Node;
    let other: Node;
    let machine: TokenMaker;
    let key: DpopKey;
    let token: string;

    before(async () => {
      server = await startServer(kind, {}, { trustProxy: ['127.0.0.1'] });
      await server.addApi('orders', ['orders.read']);
      machine = new TokenMaker(server, 'machine', await server.addClient('machine', APPLICATION));
      second = await server.addNode();
      node = await openNode(server, 'orders', { trustProxy: ['127.0.0.1'] });
      other = await openNode(second, 'orders');
      key = await newDpopKey();
      const proof = await proofOf(key, 'POST', `${server.issuer}/connect/token`);
      token = await machine.own('orders.read', { dpop: proof });
    });
    after(async () => {
      await node.close();
      await other.close();
      await second.stop();
      await server.stop();
    });

    /** A proof for the call of the tests, or one with something else in it. */
    const prove = ({ iat, signWith, ...claims }: Proof = {}): Promise<string> =>
      new SignJWT({
        htm: 'GET',
        htu: `${server.issuer}${PATH}`,
        ath: createHash('sha256').update(token).digest('base64url'),
        jti: randomUUID(),
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk })
        .setIssuedAt(iat)
        .sign((signWith ?? key).privateKey);
    const withProof = (dpop: string): Record<string, string> => ({ authorization: `DPoP ${token}`, dpop });

    it('is taken with a proof of its key for the issuer’s address, and gives the next nonce', async () => {
      const answer = await node.call(withProof(await prove()), {}, { path: `${PATH}?x=1` });
      assert.equal(answer.caller?.clientId, 'machine', JSON.stringify(answer.problem));
      assert.match(answer.headers.get('dpop-nonce') ?? '', /^[\w-]{43}$/);
    });

    const WRONG: [title: string, proof: () => Promise<string>, error: string][] = [
      ['one that is no JWT', async () => 'no proof', 'invalid_dpop_proof'],
      ['one that is too long', async () => 'a'.repeat(8193), 'invalid_dpop_proof'],
      ['two', async () => `${await prove()}, ${await prove()}`, 'invalid_dpop_proof'],
      ['one for another method', () => prove({ htm: 'POST' }), 'invalid_dpop_proof'],
      ['one for another path', () => prove({ htu: `${server.issuer}${PATH}/1` }), 'invalid_dpop_proof'],
      ['one for another host', () => prove({ htu: `https://evil.example${PATH}` }), 'invalid_dpop_proof'],
      ['one for another token', () => prove({ ath: 'A'.repeat(43) }), 'invalid_dpop_proof'],
      [
        'one that another key signs',
        async () => prove({ signWith: await newDpopKey() }),
        'invalid_dpop_proof',
      ],
      ['one of an old time', () => prove({ iat: 1_000_000 }), 'use_dpop_nonce'],
      ['one with an unknown nonce', () => prove({ nonce: 'A'.repeat(43) }), 'use_dpop_nonce'],
    ];
    for (const [title, proof, error] of WRONG)
      it(`is refused with a proof that is wrong: ${title} [SEC-G12]`, async () => {
        const answer = await node.call(withProof(await proof()));
        assert.equal(challengeOf(answer), dpopError(error));
        assert.equal(answer.problem?.headers?.['DPoP-Nonce'] !== undefined, error === 'use_dpop_nonce');
      });

    it('is refused with the proof of a key that is not its own [SEC-G12]', async () => {
      const stranger = await newDpopKey();
      const ath = createHash('sha256').update(token).digest('base64url');
      const dpop = await new SignJWT({ htm: 'GET', htu: `${server.issuer}${PATH}`, ath, jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: stranger.jwk })
        .setIssuedAt()
        .sign(stranger.privateKey);
      assert.equal(challengeOf(await node.call(withProof(dpop))), dpopError('invalid_token'));
    });

    it('is taken once with a proof that comes many times at once [SEC-G12]', async () => {
      const copies = withProof(await prove());
      const answers = await Promise.all(Array.from({ length: 20 }, () => node.call(copies)));
      assert.equal(answers.filter(({ caller }) => caller).length, 1);
    });

    it('is taken with a late clock and a nonce of either the gateway or the provider', async () => {
      const late = await node.call(withProof(await prove({ iat: 1_000_000 })));
      const nonce = late.problem?.headers?.['DPoP-Nonce'] ?? '';
      const accepted = await other.call(withProof(await prove({ iat: 1_000_000, nonce })));
      assert.equal(accepted.caller?.clientId, 'machine', JSON.stringify(accepted.problem));
      const asked = await server.post(
        '/connect/token',
        { grant_type: 'client_credentials', scope: 'orders.read' },
        {
          ...server.basic('machine', machine.secret),
          dpop: await proofOf(key, 'POST', `${server.issuer}/connect/token`, { iat: 1_000_000 }),
        },
      );
      const theirs = asked.headers.get('dpop-nonce') ?? '';
      const again = await node.call(withProof(await prove({ iat: 1_000_000, nonce: theirs })));
      assert.equal(again.caller?.clientId, 'machine', JSON.stringify(again.problem));
    });

    it('is refused as DPoP where it is bound to no key', async () => {
      const plain = await machine.own();
      const answer = await node.call({ authorization: `DPoP ${plain}`, dpop: await prove() });
      assert.equal(challengeOf(answer), dpopError('invalid_token'));
    });

    it('is taken with its TLS certificate, and refused with another or without one [SEC-G12]', async () => {
      const [own, stranger] = ['device', 'stranger'].map((name) =>
        newCertificate(`/CN=${name}`, `DNS:${name}`),
      );
      assert.ok(own && stranger);
      const secret = await server.addClient('device', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
        tlsClientCertificateBoundAccessTokens: true,
      });
      const bound = await new TokenMaker(server, 'device', secret).own('orders.read', clientCert(own));
      const call = (headers: Record<string, string>) => node.call({ ...bearer(bound), ...headers });
      const accepted = await call(clientCert(own));
      assert.equal(accepted.caller?.clientId, 'device', JSON.stringify(accepted.problem));
      assert.equal(challengeOf(await call(clientCert(stranger))), BEARER);
      assert.equal(challengeOf(await call({})), BEARER);
      // The other node trusts no proxy, so anybody may have written the header.
      assert.equal(challengeOf(await other.call({ ...bearer(bound), ...clientCert(own) })), BEARER);
    });
  });
