import type { Config } from './config.js';
import { openAudit, openLog, type Audit, type Log } from './observe/index.js';
import {
  migrate,
  openStore,
  openVault,
  requireSchema,
  type MasterKey,
  type Store,
  type Vault,
} from './store/index.js';
import {
  openLockout,
  openPasswords,
  openPeople,
  userFinder,
  type Lockout,
  type Passwords,
  type People,
} from './users/index.js';
import { openCodes, type Codes } from './verification/index.js';

/** Everything that the server and the CLI work with, opened once. */
export interface GatehouseContext {
  config: Config;
  log: Log;
  store: Store;
  vault: Vault;
  master: MasterKey;
  /** Learns the vault's new keys while they are rewrapped. */
  followKeys(): Promise<void>;
  audit: Audit;
  passwords: Passwords;
  lockout: Lockout;
  codes: Codes;
  people: People;
  close(): Promise<void>;
}

/**
 * Opens the store, brings its schema up to date (or checks it, with `migrations: false`), and opens the vault.
 * @throws ConfigError, SchemaMismatch
 */
export async function openContext(
  config: Config,
  { migrations = true }: { migrations?: boolean } = {},
): Promise<GatehouseContext> {
  const log = openLog(config);
  const store = await openStore(config, (problem, err) => log.error({ err }, problem));
  try {
    if (migrations) {
      const taken = await migrate(store);
      if (taken.length > 0) log.info({ steps: taken }, 'migrated');
    } else await requireSchema(store);
    const { vault, master, follow } = await openVault(config, store);
    const passwords = openPasswords(config.passwords, log);
    const lockout = openLockout(store, config.lockout);
    const codes = openCodes(store, vault, config.codes);
    return {
      config,
      log,
      store,
      vault,
      master,
      followKeys: follow,
      audit: openAudit(store),
      passwords,
      lockout,
      codes,
      people: openPeople(store, vault, userFinder(store), passwords, lockout, codes),
      close: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
