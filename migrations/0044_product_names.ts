import type { Knex } from 'knex';

interface Product {
  tenant_id: string;
  id: string;
  name: string;
}

/** As src/kernel/names.ts folds names now. */
const folded = (name: string): string => name.normalize('NFKC').toLowerCase();

/**
 * Names of products are unique in any case. Of those that are there and differ in case alone, the first one gets the key, and the
 * others one with their id: each keeps its name until it is changed. A name has no line end, so no name has such a key.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('api_products', (table) => {
    // Null in rows of a node that does not know it yet; `api_products_name` keeps their names apart.
    table.text('name_key');
  });
  const products = await knex<Product>('api_products')
    .orderBy(['tenant_id', 'created_at', 'id'])
    .select('tenant_id', 'id', 'name');
  const taken = new Set<string>();
  for (const { tenant_id, id, name } of products) {
    const key = folded(name);
    const place = `${tenant_id}\n${key}`;
    await knex('api_products')
      .where({ tenant_id, id })
      .update({ name_key: taken.has(place) ? `${key}\n${id}` : key });
    taken.add(place);
  }
  await knex.schema.alterTable('api_products', (table) => {
    table.unique(['tenant_id', 'name_key'], { indexName: 'api_products_name_key' });
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('api_products', (table) => {
    table.dropUnique(['tenant_id', 'name_key'], 'api_products_name_key');
  });
  await knex.raw('ALTER TABLE api_products DROP COLUMN name_key');
}
