import type { Config } from './config.js';
import { openLog, type Log } from './observe/index.js';
import { openStoreContext, type StoreContext } from './store-context.js';
import { mayHaveStore, type Store } from './store/index.js';
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

/** Everything that the server works with, opened once. */
export interface GatehouseContext extends StoreContext {
  log: Log;
  passwords: Passwords;
  lockout: Lockout;
  codes: Codes;
  people: People;
}

/** What there is before anything is written; no store yet where its file is to be made. */
export interface OpeningContext extends Pick<GatehouseContext, 'config' | 'passwords'> {
  store: Store | undefined;
}

interface ContextOptions {
  migrations?: boolean;
  /** Refuses what would be refused later, while the store is as it was. */
  beforeWriting?: (context: OpeningContext) => Promise<void>;
}

/**
 * Opens the store as openStoreContext does, the log, and what signs people in.
 * @throws ConfigError, SchemaMismatch
 */
export async function openContext(
  config: Config,
  { migrations = true, beforeWriting }: ContextOptions = {},
): Promise<GatehouseContext> {
  const log = await openLog(config);
  const passwords = openPasswords(config.passwords, log);
  const exists = mayHaveStore(config);
  const check = async (store?: Store): Promise<void> => beforeWriting?.({ config, passwords, store });
  if (!exists) await check();
  const opened = await openStoreContext(config, {
    migrations,
    ...(exists && { beforeWriting: check }),
    migrated: (steps) => log.info({ steps }, 'migrated'),
    report: (problem, err) => log.error({ err }, problem),
  });
  try {
    const { store, vault } = opened;
    const lockout = openLockout(store, config.lockout);
    const codes = openCodes(store, vault, config.codes);
    const people = openPeople(store, vault, userFinder(store), passwords, lockout, codes);
    return { ...opened, log, passwords, lockout, codes, people };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
