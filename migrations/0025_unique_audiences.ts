import type { Knex } from 'knex';

interface Resource {
  tenant_id: string;
  id: string;
  indicator: string;
  audience: string;
}

interface Replaced {
  tenant_id: string;
  resource_id: string;
  audience: string;
}

/**
 * An audience is one API's. Of several with the same the management API keeps it, else the oldest. Each of the others gets an
 * audience of its own: its resource URI, or `urn:gatehouse:api:<id>` where that is an audience already. What they had is
 * kept, so that `gatehouse doctor` can say whose tokens look different.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('replaced_audiences', (table) => {
    table.text('tenant_id').notNullable();
    table.text('resource_id').notNullable();
    table.text('audience').notNullable();
    table.primary(['tenant_id', 'resource_id']);
    table
      .foreign(['tenant_id', 'resource_id'])
      .references(['tenant_id', 'id'])
      .inTable('api_resources')
      .onDelete('CASCADE');
  });
  const shared = await knex<Resource>('api_resources')
    .groupBy('tenant_id', 'audience')
    .havingRaw('COUNT(*) > 1')
    .select('tenant_id', 'audience');
  for (const { tenant_id, audience } of shared) {
    const [, ...others] = await knex<Resource>('api_resources')
      .where({ tenant_id, audience })
      .orderByRaw("CASE WHEN name = 'isms' THEN 0 ELSE 1 END, created_at, id")
      .select('tenant_id', 'id', 'indicator', 'audience');
    for (const other of others) await replace(knex, other);
    // Servers of the version before, which still run, read the tenant again.
    await knex('tenants').where({ id: tenant_id }).increment('version', 1);
  }
  await knex.schema.alterTable('api_resources', (table) =>
    table.unique(['tenant_id', 'audience'], { indexName: 'api_resources_audience' }),
  );
}

async function replace(knex: Knex, { tenant_id, id, indicator, audience }: Resource): Promise<void> {
  const taken =
    (await knex<Resource>('api_resources').where({ tenant_id, audience: indicator }).first('id')) ??
    (await knex<{ id: string; issuer: string }>('tenants')
      .where({ id: tenant_id, issuer: indicator })
      .first('id'));
  await knex('api_resources')
    .where({ tenant_id, id })
    .update({ audience: taken ? `urn:gatehouse:api:${id}` : indicator });
  await knex('replaced_audiences').insert({ tenant_id, resource_id: id, audience });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('api_resources', (table) =>
    table.dropUnique(['tenant_id', 'audience'], 'api_resources_audience'),
  );
  const replaced = await knex<Replaced>('replaced_audiences').select();
  for (const { tenant_id, resource_id, audience } of replaced)
    await knex('api_resources').where({ tenant_id, id: resource_id }).update({ audience });
  await knex.schema.dropTable('replaced_audiences');
}
