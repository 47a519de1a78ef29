import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../src/config.js';
import { freePort } from './ports.js';
import { withStore, type StoreState } from './fresh-stores.js';
import { newDatabase } from './postgres.js';

export type StoreKind = 'sqlite' | 'postgres';
export const STORES: readonly StoreKind[] = ['sqlite', 'postgres'];

/** 32 bytes, as `GATEHOUSE_MASTER_KEY` wants them. */
export const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');
export const ADMIN_PASSWORD = 'correct horse battery';
export const CLIENT_SECRET = 'test-secret-0123456789-0123456789-0123456789';

/** As many codes and open requests as tests ask for. */
export const GENEROUS = {
  codes: { spacing: 1, perTarget: 1e9, perAddress: 1e9, smsPerTenant: 1e9, mailPerTenant: 1e9 },
  limits: { open: { tenant: 1e9, address: 1e9 }, signIn: { tenant: 1e9, address: 1e9 } },
};

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that is gone when the tests are. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'));
  folders.push(folder);
  return folder;
}

/**
 * The environment of a fresh server on a store of this kind; nothing of this process's own is in it.
 * @param state of its store.
 */
export async function environment(
  kind: StoreKind,
  more: Record<string, string> = {},
  state: StoreState = 'empty',
): Promise<Record<string, string>> {
  const port = await freePort();
  const env = {
    PORT: String(port),
    GATEHOUSE_DATA_DIR: temporaryFolder(),
    GATEHOUSE_MASTER_KEY: MASTER_KEY,
    GATEHOUSE_ADMIN_PASSWORD: ADMIN_PASSWORD,
    GATEHOUSE_CLIENT_SECRET: CLIENT_SECRET,
    LOG_LEVEL: 'silent',
    ...(kind === 'postgres' &&
      state === 'empty' &&
      !('DATABASE_URL' in more) && { DATABASE_URL: await newDatabase() }),
    ...more,
  };
  if (state === 'empty') return env; // it may be one that no server takes
  const { databaseUrl } = await withStore(kind, quick(loadConfig(env, temporaryFolder())), state, false);
  return databaseUrl === undefined ? env : { ...env, DATABASE_URL: databaseUrl };
}

/** In a file, where tests are about the cost of passwords: as in production, and not as quick as they can be. */
export const COSTLY = { passwords: {} };
const QUICK = { memoryKiB: 256, iterations: 1, parallelism: 1 };
const quick = (config: Config): Config => ({ ...config, passwords: { ...config.passwords, ...QUICK } });

/**
 * @param file what `config/development.json` says.
 * @param state of its store.
 */
export async function configFor(
  kind: StoreKind,
  more: Record<string, string> = {},
  file: Record<string, unknown> = {},
  state: StoreState = 'empty',
): Promise<Config> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'config'));
  writeFileSync(join(folder, 'config', 'development.json'), JSON.stringify(file));
  const read = loadConfig(await environment('sqlite', more), folder);
  const config = 'passwords' in file ? read : quick(read);
  return withStore(kind, config, state, 'DATABASE_URL' in more || 'GATEHOUSE_DATA_DIR' in more);
}
