import { ConfigError } from '../kernel/errors.js';
import type { Store } from './store.js';

/** `insufficient_privilege`; and `duplicate_table`, of a table that is there and that the role may not see. */
const WANT_OF_RIGHTS = ['42501', '42P07'];

interface Rights {
  role: string;
  /** Null where the role may use no schema of its search path. */
  schema: string | null;
  creates: boolean | null;
}

/**
 * Runs work of a start or a migration. What PostgreSQL refuses for want of a right is said with the statement that gives it.
 * @throws ConfigError
 */
export async function withRights<T>(store: Store, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || !WANT_OF_RIGHTS.includes(code)) throw error;
    const { rows } = await store.knex.raw<{ rows: [Rights] }>(
      `SELECT current_user AS role, current_schema() AS schema,
         has_schema_privilege(current_schema(), 'CREATE') AS creates`,
    );
    throw lackingRight(rows[0], error as Error);
  }
}

function lackingRight({ role, schema, creates }: Rights, { message }: Error): ConfigError {
  const name = `"${role.replaceAll('"', '""')}"`;
  if (!creates)
    return new ConfigError(
      'DATABASE_URL',
      `the role may not create tables; GRANT CREATE, USAGE ON SCHEMA ${schema ?? 'public'} TO ${name}`,
    );
  // knex writes its statement before PostgreSQL's words.
  const words = message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '');
  return new ConfigError(
    'DATABASE_URL',
    `the role lacks a right (${words.split('\n')[0]}); use the role that owns the tables, or give ${name} its rights`,
  );
}
