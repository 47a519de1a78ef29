import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { ConfigError, StoreUnavailable } from '../kernel/errors.js';
import type { Report } from './report.js';
import { SQLITE_FILE, type Store } from './store.js';

/** @throws ConfigError */
export function checkDatabaseUrl({ databaseUrl }: Config): void {
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl))
    throw new ConfigError(
      'DATABASE_URL',
      'must begin with postgres:// (leave it out for the embedded SQLite)',
    );
}

const fileOf = ({ dataDir }: Pick<Config, 'dataDir'>): string => join(dataDir, SQLITE_FILE);

/** Whether the configuration names a store that may be there: a database, or a file that is. */
export const mayHaveStore = (config: Config): boolean =>
  config.databaseUrl !== undefined || existsSync(fileOf(config));

/**
 * Opens the store that the configuration names: PostgreSQL when `DATABASE_URL` is set, else SQLite in the data folder. Loads
 * the driver of that store only.
 * @param report is told of problems that no caller is told of.
 * @param makes whether SQLite's file is made where there is none.
 * @throws ConfigError
 */
export async function openStore(
  config: Config,
  report: Report = () => undefined,
  makes = true,
): Promise<Store> {
  if (config.databaseUrl !== undefined) {
    checkDatabaseUrl(config);
    const { openPostgres } = await import('./postgres.js');
    const store = openPostgres(config.databaseUrl, config.store);
    await reachable(store, 'DATABASE_URL', 'can not be reached or refuses the sign-in');
    return store;
  }
  const { openSqlite } = await import('./sqlite.js');
  if (!makes && !mayHaveStore(config))
    throw new ConfigError(
      'GATEHOUSE_DATA_DIR',
      `there is no store at ${fileOf(config)}; give the data folder of the server, or start in the folder that the server is started in (npx gatehouse serve makes a store)`,
    );
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    accessSync(config.dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(
      'GATEHOUSE_DATA_DIR',
      `${config.dataDir} can not be written (${(error as NodeJS.ErrnoException).code}); give a folder that can`,
    );
  }
  const store = openSqlite(config.dataDir, config.store, report);
  await reachable(store, 'GATEHOUSE_DATA_DIR', `the SQLite file in ${config.dataDir} can not be opened`);
  return store;
}

async function reachable(store: Store, key: string, problem: string): Promise<void> {
  try {
    await store.ping();
  } catch (error) {
    await store.close();
    const { message } = (error instanceof StoreUnavailable ? error.cause : error) as Error;
    throw new ConfigError(key, `${problem} (${message.split('\n')[0]}); correct it`);
  }
}
