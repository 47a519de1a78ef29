import assert from 'node:assert/strict';
import { openArtifacts, type Artifacts } from '../../src/oidc/index.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

onEveryStore('the artifacts', (open) => {
  let artifacts: Artifacts;
  let red: string;
  let blue: string;
  let soon: number;

  before(async () => {
    soon = Date.now() + 60_000;
    artifacts = openArtifacts(open());
    red = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
    blue = (await open().transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'))).id;
  });

  it('are found by what the holder presents, and by nothing of another model or tenant', async () => {
    await artifacts.put(red, 'AccessToken', 'token-1', {
      payload: '{"a":1}',
      expiresAt: soon,
      createdAt: Date.now(),
      generation: 0,
    });
    assert.equal((await artifacts.find(red, 'AccessToken', 'token-1'))?.payload, '{"a":1}');
    assert.equal(await artifacts.find(red, 'RefreshToken', 'token-1'), undefined);
    assert.equal(await artifacts.find(blue, 'AccessToken', 'token-1'), undefined);
  });

  it('are kept without what the holder presents [SEC-22]', async () => {
    await artifacts.put(red, 'RefreshToken', 'very-secret-token', {
      payload: '{}',
      expiresAt: soon,
      createdAt: Date.now(),
      generation: 0,
    });
    const rows = await open().knex<{ id: string }>('oidc_artifacts').select('*');
    assert.ok(rows.length > 0);
    assert.ok(!JSON.stringify(rows).includes('very-secret-token'));
  });

  it('are consumed by one of many', async () => {
    await artifacts.put(red, 'AuthorizationCode', 'code', {
      payload: '{}',
      expiresAt: soon,
      createdAt: Date.now(),
      generation: 0,
    });
    const consumed = await Promise.all(
      Array.from({ length: 50 }, () => artifacts.consume(red, 'AuthorizationCode', 'code')),
    );
    assert.equal(consumed.filter(Boolean).length, 1);
    assert.ok((await artifacts.find(red, 'AuthorizationCode', 'code'))?.consumedAt);
  });

  it('are not consumed in the name of another tenant', async () => {
    await artifacts.put(red, 'AuthorizationCode', 'mine', {
      payload: '{}',
      expiresAt: soon,
      createdAt: Date.now(),
      generation: 0,
    });
    assert.equal(await artifacts.consume(blue, 'AuthorizationCode', 'mine'), false);
    assert.equal(await artifacts.consume(red, 'AuthorizationCode', 'mine'), true);
  });

  it('are replaced by one of many, which alone leaves its successor', async () => {
    await artifacts.put(red, 'RefreshToken', 'old', {
      payload: '{}',
      expiresAt: soon,
      createdAt: Date.now(),
      generation: 0,
    });
    const replaced = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        artifacts.replace(red, 'RefreshToken', 'old', `new-${i}`, {
          payload: '{}',
          expiresAt: soon,
          createdAt: Date.now(),
          generation: 0,
        }),
      ),
    );
    const found = await Promise.all(replaced.map((_, i) => artifacts.find(red, 'RefreshToken', `new-${i}`)));
    assert.equal(replaced.filter(Boolean).length, 1);
    assert.deepEqual(found.map(Boolean), replaced);
  });

  it('end with their grant: one model’s, or one session’s share', async () => {
    const put = (model: string, id: string, uid?: string): Promise<void> =>
      artifacts.put(red, model, id, {
        payload: '{}',
        grantId: 'g',
        uid,
        expiresAt: soon,
        createdAt: Date.now(),
        generation: 0,
      });
    const there = async (model: string, id: string): Promise<boolean> =>
      Boolean(await artifacts.find(red, model, id));
    for (const [model, id, uid] of [
      ['AccessToken', 'a'],
      ['RefreshToken', 'r', 'phone'],
      ['RefreshToken', 's', 'laptop'],
      ['Grant', 'g'],
    ] as const)
      await put(model, id, uid);
    await artifacts.destroyByGrant(blue, 'AccessToken', 'g');
    assert.ok(await there('AccessToken', 'a'));
    await artifacts.destroyByGrant(red, 'AccessToken', 'g');
    assert.ok(!(await there('AccessToken', 'a')));
    await artifacts.destroyByGrant(red, 'RefreshToken', 'g', 'phone');
    assert.deepEqual([await there('RefreshToken', 'r'), await there('RefreshToken', 's')], [false, true]);
    await artifacts.destroyByGrant(red, 'RefreshToken', 'g');
    assert.deepEqual([await there('RefreshToken', 's'), await there('Grant', 'g')], [false, true]);
  });

  it('find the newest live grant of an account to a client, of those with the origin', async () => {
    const put = (grantId: string, expiresAt: number, uid?: string): Promise<void> =>
      artifacts.put(red, 'Grant', grantId, {
        payload: '{}',
        grantId,
        uid,
        accountId: 'alice',
        clientId: 'app',
        expiresAt,
        createdAt: Date.now(),
        generation: 0,
      });
    await put('older', soon);
    await put('newer', soon + 1000);
    await put('over', Date.now() - 1000);
    await put('unasked', soon + 2000, 'implied');
    const grantOf = (tenantId: string, clientId: string, origin: Parameters<Artifacts['grantOf']>[3]) =>
      artifacts.grantOf(tenantId, 'alice', clientId, origin);
    assert.equal(await grantOf(red, 'app', 'consent'), 'newer');
    assert.equal(await grantOf(red, 'app', 'implied'), 'unasked');
    assert.equal(await grantOf(blue, 'app', 'consent'), undefined);
    assert.equal(await grantOf(red, 'other', 'consent'), undefined);
  });
});
