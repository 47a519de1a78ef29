import type { Config } from './config.js';
import { openAudit, type Audit } from './observe/index.js';
import {
  checkDatabaseUrl,
  givenMasterKey,
  migrate,
  openStore,
  openVault,
  requireMasterKey,
  requireSchema,
  withRights,
  type MasterKey,
  type Report,
  type Store,
  type Vault,
} from './store/index.js';

/** What the server and each command work with: the store, the key that opens what is sealed in it, and its audit. */
export interface StoreContext {
  config: Config;
  store: Store;
  vault: Vault;
  master: MasterKey;
  /** Learns the vault's new keys while they are rewrapped. */
  followKeys(): Promise<void>;
  audit: Audit;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Whether the schema is brought up to date; else it is checked. */
  migrations?: boolean;
  /** Whether a store is made where there is none. */
  makes?: boolean;
  /** Refuses what would be refused later, while the store is as it was. */
  beforeWriting?: (store: Store) => Promise<void>;
  /** Is told of problems of the store that no caller is told of. */
  report?: Report;
  /** Called with the names of the steps that were taken, where there were any. */
  migrated?: (steps: string[]) => void;
}

/**
 * Opens the store, brings its schema up to date (or checks it, with `migrations: false`), and opens the vault.
 * @throws ConfigError, SchemaMismatch
 */
export async function openStoreContext(
  config: Config,
  { migrations = true, makes = true, beforeWriting, migrated, report }: OpenOptions = {},
): Promise<StoreContext> {
  // Before anything is written.
  checkDatabaseUrl(config);
  givenMasterKey(config);
  const store = await openStore(config, report, makes);
  try {
    const { vault, master, follow } = await withRights(store, async () => {
      if (migrations) {
        await requireMasterKey(config, store);
        await beforeWriting?.(store);
        const steps = await migrate(store);
        if (steps.length > 0) migrated?.(steps);
      } else {
        await requireSchema(store);
        await beforeWriting?.(store);
      }
      return openVault(config, store);
    });
    const close = (): Promise<void> => store.close();
    return { config, store, vault, master, followKeys: follow, audit: openAudit(store), close };
  } catch (error) {
    await store.close();
    throw error;
  }
}
