import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { jwtVerify } from 'jose';
import { addKeys, keyRotation, KNOWN_ALGS, listKeys, rotateKeys } from '../../src/oidc/index.js';
import type { KeySchedule } from '../../src/oidc/keys/index.js';
import { makeKey } from '../../src/oidc/keys/make.js';
import { TenantSigningKey } from '../../src/oidc/keys/signing.js';
import { Vault } from '../../src/store/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';
import { loadKeyRing } from '../support/key-ring.js';

const DAY = 86_400_000;
const SCHEDULE: KeySchedule = { rotation: 90 * 86_400, publish: 86_400, longestToken: 86_400 };

const vault = new Vault(randomBytes(32));
vault.learn('data-1', randomBytes(32));
vault.sealWith('data-1');

describe('the id of a signing key', () => {
  it('never begins with a hyphen, which would look like an option at the command line [SEC-R12]', async () => {
    // That no one of 1,000 begins so by chance happens once in seven million runs.
    const made = await Promise.all(Array.from({ length: 1000 }, () => makeKey('ES256')));
    assert.deepEqual(
      made.filter(({ kid }) => kid.startsWith('-')),
      [],
    );
  });
});

onEveryStore('signing keys', (open) => {
  let tenants = 0;
  const newTenant = async (): Promise<string> => {
    const name = `keys-${++tenants}`;
    const { id } = await open().transaction((trx) => createTenantAt(trx, name, `${name}.example.com`));
    await addKeys(open(), vault, id, ['ES256']);
    return id;
  };
  const states = async (tenantId: string): Promise<string[]> =>
    (await listKeys(open(), tenantId)).map(({ state }) => state);
  const kidOf = async (tenantId: string, state: string): Promise<string | undefined> =>
    (await listKeys(open(), tenantId)).find((key) => key.state === state)?.kid;
  /** Lets all that the tenant's keys wait for come nearer. */
  const pass = async (tenantId: string, ms: number): Promise<void> => {
    for (const column of ['activates_at', 'retires_at'])
      await open().knex('signing_keys').where({ tenant_id: tenantId }).decrement(column, ms);
  };
  const turn = (): Promise<number> => keyRotation(open(), vault, SCHEDULE)();

  it('go from next to current to previous to retired, each in its time', async () => {
    const id = await newTenant();
    const first = await kidOf(id, 'current');
    await turn();
    assert.deepEqual(await states(id), ['current']);

    await pass(id, 89 * DAY);
    await turn();
    assert.deepEqual(await states(id), ['current', 'next']);
    assert.equal(await kidOf(id, 'current'), first);

    await pass(id, DAY - 60_000);
    await turn();
    assert.equal(await kidOf(id, 'current'), first, 'not before its time');

    const second = await kidOf(id, 'next');
    await pass(id, 60_000);
    await turn();
    assert.deepEqual(await states(id), ['current', 'previous']);
    assert.deepEqual([await kidOf(id, 'current'), await kidOf(id, 'previous')], [second, first]);

    await pass(id, DAY - 60_000);
    await turn();
    assert.deepEqual(await states(id), ['current', 'previous'], 'a token that it signed is still valid');
    await pass(id, 60_000);
    await turn();
    assert.deepEqual(await states(id), ['current', 'retired']);
  });

  it('are published for their whole day, even when nobody looked for longer', async () => {
    const id = await newTenant();
    await pass(id, 200 * DAY);
    await turn();
    const next = (await listKeys(open(), id)).find(({ state }) => state === 'next');
    assert.ok(next && next.activatesAt >= Date.now() + DAY - 5000);
  });

  it('lose their private half when they retire, and are published no longer [SEC-51]', async () => {
    const id = await newTenant();
    await rotateKeys(open(), vault, id, SCHEDULE, { now: true });
    await pass(id, DAY);
    await turn();
    const retired = await kidOf(id, 'retired');
    assert.ok(retired);
    const row = (await open().knex('signing_keys').where({ kid: retired }).first()) as Record<
      string,
      unknown
    >;
    assert.equal(row['sealed_private_jwk'], '');
    const { verifying } = await loadKeyRing(open(), vault, id);
    assert.ok(!verifying.has(retired));
  });

  it('rotate once, however many processes find it due', async () => {
    const id = await newTenant();
    await pass(id, 89 * DAY);
    await Promise.all([turn(), turn(), turn()]);
    assert.deepEqual(await states(id), ['current', 'next']);
    await pass(id, DAY);
    await Promise.all([turn(), turn(), turn()]);
    assert.deepEqual(await states(id), ['current', 'previous']);
  });

  it('always have one for RS256 and one for ES256, and one for each algorithm that an API wants', async () => {
    const { id } = await open().transaction((trx) => createTenantAt(trx, 'algs', 'algs.example.com'));
    const algs = async (): Promise<string[]> =>
      (await loadKeyRing(open(), vault, id, ['PS256'])).algorithms.sort();
    assert.deepEqual(await algs(), ['ES256', 'PS256', 'RS256']);
  });
});

describe('signatures', () => {
  for (const alg of KNOWN_ALGS)
    it(`of ${alg} are checked by jose`, async () => {
      const { kid, publicJwk, privateJwk } = await makeKey(alg);
      const key = new TenantSigningKey(kid, alg, createPrivateKey({ format: 'jwk', key: privateJwk }));
      const head = Buffer.from(JSON.stringify({ alg, kid })).toString('base64url');
      const body = Buffer.from(JSON.stringify({ sub: 'x' })).toString('base64url');
      const signature = await key.sign(Buffer.from(`${head}.${body}`));
      const jwt = `${head}.${body}.${signature.toString('base64url')}`;
      const { payload } = await jwtVerify(jwt, createPublicKey({ format: 'jwk', key: publicJwk }), {
        algorithms: [alg],
      });
      assert.equal(payload.sub, 'x');
    });
});
