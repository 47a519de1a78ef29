import assert from 'node:assert/strict';
import { insertCredentials, type KeptDevice } from '../../src/mqtt/index.js';
import { tenantTransaction } from '../../src/store/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { deleteTenant } from '../../src/tenants/store.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

const device = (name: string): KeptDevice => ({
  name,
  algorithm: 'sha256',
  salt: 'salt',
  passwordHash: 'hash',
});

onEveryStore('the devices of a tenant that is deleted', (open) => {
  const create = (name: string): Promise<Tenant> =>
    open().transaction((trx) => createTenantAt(trx, name, `${name}.example.com`));
  const remove = (tenant: Tenant): Promise<void> => open().transaction((trx) => deleteTenant(trx, tenant));
  const devicesOf = async ({ id }: Tenant): Promise<unknown[]> =>
    open().knex('mqtt_credentials').where({ tenant_id: id }).pluck('name');

  it('go with it, and nobody else’s', async () => {
    const [leaving, staying] = [await create('leaving'), await create('staying')];
    for (const { id } of [leaving, staying])
      await tenantTransaction(open(), id, (db) => insertCredentials(db, 'username', [[device('pump')]]));
    await remove(leaving);
    assert.deepEqual(await devicesOf(leaving), []);
    assert.deepEqual(await devicesOf(staying), ['pump']);
  });

  it('go with it where they are being written at that moment', async () => {
    const tenant = await create('in-a-hurry');
    await tenantTransaction(open(), tenant.id, (db) =>
      insertCredentials(db, 'username', [[device('first')]]),
    );
    let removed: Promise<void> | undefined;
    await tenantTransaction(open(), tenant.id, async (db) => {
      await insertCredentials(db, 'username', [[device('second')]]);
      removed = remove(tenant); // waits for the end of this
      await insertCredentials(db, 'username', [[device('third')]]);
    });
    await removed;
    assert.deepEqual(await devicesOf(tenant), []);
  });

  it('are not written afterwards', async () => {
    const tenant = await create('gone');
    await remove(tenant);
    await assert.rejects(
      tenantTransaction(open(), tenant.id, (db) => insertCredentials(db, 'username', [[device('late')]])),
      /foreign key|_foreign/i,
    );
    assert.deepEqual(await devicesOf(tenant), []);
  });
});
