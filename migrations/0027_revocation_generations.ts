import type { Knex } from 'knex';

const isPostgres = (knex: Knex): boolean => (knex.client as { dialect: string }).dialect === 'postgresql';

/**
 * Nodes disagree about the time, so the order of a revocation and of a token must not depend on it. Each tenant has a
 * counter that every revocation raises; a token carries the value that its request has seen. The counter starts at, and
 * never falls behind, the time in milliseconds: so it can be compared with the times of tokens that were issued before
 * this step, and it goes on growing after a backup was restored.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('revocation_counters', (table) => {
    table.text('tenant_id').primary().references('tenants.id').onDelete('CASCADE');
    table.bigInteger('generation').notNullable();
  });
  await knex.raw(
    `INSERT INTO revocation_counters (tenant_id, generation)
     SELECT tenant_id, MAX(revoked_at) FROM revocations GROUP BY tenant_id`,
  );
  // The counter's value after the revocation. One of a single token counts whatever the counter is, so it raises nothing.
  await knex.schema.alterTable('revocations', (table) =>
    table.bigInteger('generation').notNullable().defaultTo(0),
  );
  await knex.raw('UPDATE revocations SET generation = revoked_at');
  // The counter's value when the request began that wrote it; null in rows of before, and in those of older nodes.
  await knex.schema.alterTable('oidc_artifacts', (table) => table.bigInteger('generation'));
  await (isPostgres(knex) ? createPostgresTrigger(knex) : createSqliteTriggers(knex));
}

/**
 * The trigger is deferred to the commit: the counter's row is then the last lock of its transaction, so no two
 * transactions wait for each other, and revocations become visible in the order of their numbers.
 */
async function createPostgresTrigger(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE FUNCTION number_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      raised bigint;
    BEGIN
      INSERT INTO revocation_counters AS counter (tenant_id, generation)
      SELECT id, NEW.revoked_at FROM tenants WHERE id = NEW.tenant_id
      ON CONFLICT (tenant_id) DO UPDATE SET generation = GREATEST(counter.generation + 1, excluded.generation)
      RETURNING counter.generation INTO raised;
      UPDATE revocations SET generation = raised
      WHERE tenant_id = NEW.tenant_id AND kind = NEW.kind AND id = NEW.id AND raised IS NOT NULL;
      RETURN NULL;
    END $$`);
  await knex.raw(`
    CREATE CONSTRAINT TRIGGER revocations_number AFTER INSERT OR UPDATE OF revoked_at ON revocations
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind <> 'token') EXECUTE FUNCTION number_revocation()`);
}

/** SQLite has one writer at a time, so a plain trigger gives the same order. */
async function createSqliteTriggers(knex: Knex): Promise<void> {
  for (const [name, event] of [
    ['revocations_number_inserted', 'INSERT'],
    ['revocations_number_updated', 'UPDATE OF revoked_at'],
  ] as const)
    await knex.raw(`
      CREATE TRIGGER ${name} AFTER ${event} ON revocations WHEN NEW.kind <> 'token'
      BEGIN
        INSERT INTO revocation_counters (tenant_id, generation)
        SELECT NEW.tenant_id, 0
        WHERE NOT EXISTS (SELECT 1 FROM revocation_counters WHERE tenant_id = NEW.tenant_id);
        UPDATE revocation_counters SET generation = max(generation + 1, NEW.revoked_at)
        WHERE tenant_id = NEW.tenant_id;
        UPDATE revocations
        SET generation = (SELECT generation FROM revocation_counters WHERE tenant_id = NEW.tenant_id)
        WHERE tenant_id = NEW.tenant_id AND kind = NEW.kind AND id = NEW.id;
      END`);
}

export async function down(knex: Knex): Promise<void> {
  if (isPostgres(knex)) {
    await knex.raw('DROP TRIGGER revocations_number ON revocations');
    await knex.raw('DROP FUNCTION number_revocation()');
  } else
    for (const name of ['revocations_number_inserted', 'revocations_number_updated'])
      await knex.raw(`DROP TRIGGER ${name}`);
  await knex.schema.alterTable('oidc_artifacts', (table) => table.dropColumn('generation'));
  await knex.schema.alterTable('revocations', (table) => table.dropColumn('generation'));
  await knex.schema.dropTable('revocation_counters');
}
