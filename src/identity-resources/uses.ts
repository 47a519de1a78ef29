import { Conflict } from '../kernel/errors.js';
import type { TenantDb } from '../store/index.js';

/** What clients may use: scopes, and, where `served` is set, an API itself, whose tokens some of them introspect. */
export interface Used {
  /** The API that the scopes belong to; absent for a scope about a person. */
  api?: string;
  scopes: readonly string[];
  served?: boolean;
  /** The indicator of the API, where the API goes with it or gets another one: another API may get this one. */
  indicator?: string | undefined;
}

/** What knows which clients use something; it lies above the rooms of what they use. */
export interface Uses {
  count(db: TenantDb, used: Used): Promise<number>;
  takeAway(db: TenantDb, used: Used): Promise<void>;
}

/**
 * Takes what is about to go from the clients that use it.
 * @throws Conflict that says how many they are, unless `cascade`
 */
export async function release(db: TenantDb, uses: Uses, used: Used, cascade: boolean): Promise<void> {
  const { api, scopes, served = false, indicator } = used;
  if (scopes.length === 0 && !served && indicator === undefined) return;
  const clients = cascade ? 0 : await uses.count(db, used);
  // Without clients there may still be registrations that wait for it.
  if (clients === 0) return uses.takeAway(db, used);
  const what = served ? `the API "${api}"` : scopes.map((scope) => `"${scope}"`).join(', ');
  throw new Conflict(
    'clients',
    `clients that use ${what}: ${clients}; take it from them, or add cascade=true`,
    {
      clients,
    },
  );
}
