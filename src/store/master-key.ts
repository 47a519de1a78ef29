import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { ConfigError } from '../kernel/errors.js';
import { ownerOnly } from './owner-only.js';
import type { Store } from './store.js';
import { MasterKey, SealBroken, Vault } from './vault.js';

const FILE = 'master.key';
const HASHING = 'hashing';
const FIRST_DATA_KEY = 'data-1';
/** Facts of the store: which master key it was made with, and which data key seals. */
const MASTER = 'master_key';
const SEALING = 'sealing_key';
export const WRAPPED = 'key:';

export const wrappedName = (name: string, masterId: string): string => `${WRAPPED}${name}:${masterId}`;
const rowOf = (name: string): string => `meta:${WRAPPED}${name}`;

/** Reads 32 bytes of base64. @throws ConfigError naming the key. */
export function decodeMasterKey(text: string, configKey: string, from: string): MasterKey {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32 || key.toString('base64').replace(/=+$/, '') !== text.trim().replace(/=+$/, ''))
    throw new ConfigError(
      configKey,
      `must be 32 bytes in base64 (${from}); make one with: openssl rand -base64 32`,
    );
  return new MasterKey(key);
}

const fileOf = ({ dataDir }: Pick<Config, 'dataDir'>): string => join(dataDir, FILE);

/** Whether the master key is the file in the data folder, rather than in the configuration. */
export const keptInFile = (config: Config): boolean =>
  config.masterKey === undefined && config.databaseUrl === undefined;

/** Puts another master key into the data folder's file, whole or not at all. */
export function replaceKeyFile(config: Config, text: string): void {
  const next = `${fileOf(config)}.next`;
  writeFileSync(next, `${text.trim()}\n`, { mode: 0o600 });
  renameSync(next, fileOf(config));
}

/**
 * Another master key, from a file of the operator's, where it is made if there is none yet. The file stays.
 * @throws ConfigError
 */
export function keyFromFile(file: string, option: string): string {
  try {
    const text = `${randomBytes(32).toString('base64')}\n`;
    writeFileSync(file, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusableFile(file, option, error);
  }
  // What is read once (a pipe, /dev/stdin) keeps no key.
  if (!statSync(file).isFile())
    throw new ConfigError(option, `${file} is no file; give a path that keeps the key`);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw unusableFile(file, option, error);
  }
}

const unusableFile = (file: string, option: string, error: unknown): ConfigError =>
  new ConfigError(
    option,
    `${file} can not be used (${(error as NodeJS.ErrnoException).code}); give a file that this user can read and write`,
  );

/**
 * The master key that the configuration or the data folder holds; undefined where the first start on SQLite is to make one.
 * @throws ConfigError for one that cannot be used, and with PostgreSQL for none
 */
export function givenMasterKey(config: Config): MasterKey | undefined {
  if (config.masterKey !== undefined)
    return decodeMasterKey(config.masterKey, 'GATEHOUSE_MASTER_KEY', 'from the environment or a config file');
  if (config.databaseUrl !== undefined)
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      'is required with PostgreSQL; make one with: openssl rand -base64 32',
    );
  const file = fileOf(config);
  return existsSync(file) ? decodeMasterKey(readKeyFile(file), 'GATEHOUSE_MASTER_KEY', file) : undefined;
}

/** @throws ConfigError */
function readKeyFile(file: string): string {
  ownerOnly(file);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      `${file} can not be read (${(error as NodeJS.ErrnoException).code}); run the command as the user that the server runs as, or give that user the file`,
    );
  }
}

/** The master key; made in the data folder on the first start on SQLite. */
async function readMasterKey(config: Config, store: Store): Promise<MasterKey> {
  const given = givenMasterKey(config);
  if (given) return given;
  if ((await store.meta.get(MASTER)) !== undefined) throw missingKey(config);
  const key = randomBytes(32);
  writeFileSync(fileOf(config), `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  return new MasterKey(key);
}

/** Refuses a master key that is not the store's, before migrations change the store. @throws ConfigError */
export async function requireMasterKey(config: Config, store: Store): Promise<void> {
  if (!(await store.knex.schema.hasTable('meta'))) return;
  if ((await store.meta.get(MASTER)) === undefined) return;
  const given = givenMasterKey(config);
  if (!given) throw missingKey(config);
  await keysOf(store, given);
}

const missingKey = (config: Config): ConfigError =>
  new ConfigError(
    'GATEHOUSE_MASTER_KEY',
    `is not set and ${fileOf(config)} is missing, but the store was made with a key; give it back`,
  );

/** Every key of the store that this master key opens, by name. @throws SealBroken */
export async function unwrapAll(store: Store, master: MasterKey): Promise<Map<string, Buffer>> {
  const keys = new Map<string, Buffer>();
  for (const [key, wrapped] of await store.meta.all(WRAPPED)) {
    const [name = '', masterId] = key.slice(WRAPPED.length).split(':');
    if (masterId === master.id) keys.set(name, master.unwrap(wrapped, rowOf(name)));
  }
  return keys;
}

export const wrapFor = (master: MasterKey, name: string, key: Buffer): string =>
  master.wrap(key, rowOf(name));

/** Makes the store's own keys on the first start. Two processes end with the same ones. */
async function ensureKeys(store: Store, master: MasterKey): Promise<void> {
  if ((await store.meta.claim(MASTER, master.id)) !== master.id) return;
  for (const name of [HASHING, FIRST_DATA_KEY])
    await store.meta.claim(wrappedName(name, master.id), wrapFor(master, name, randomBytes(32)));
  await store.meta.claim(SEALING, FIRST_DATA_KEY);
}

export interface OpenVault {
  vault: Vault;
  master: MasterKey;
  /**
   * Learns the keys that have come since, so that servers go on while keys are rewrapped. What a vault knows it keeps,
   * even when its own master key is no longer the store's.
   */
  follow(): Promise<void>;
}

/** The vault of this store. A master key other than the one that its keys are wrapped by is refused. @throws ConfigError */
export async function openVault(config: Config, store: Store): Promise<OpenVault> {
  const master = await readMasterKey(config, store);
  await ensureKeys(store, master);
  const { keys, hashing } = await keysOf(store, master);
  const vault = new Vault(hashing);
  await update(vault, store, keys);
  return { vault, master, follow: async () => update(vault, store, await unwrapAll(store, master)) };
}

/** The keys of the store, as its master key opens them. @throws ConfigError for a key that is not the store's */
async function keysOf(
  store: Store,
  master: MasterKey,
): Promise<{ keys: Map<string, Buffer>; hashing: Buffer }> {
  const keys = await unwrapAll(store, master).catch((error: unknown) => {
    throw error instanceof SealBroken ? wrongKey(error.message) : error;
  });
  const hashing = keys.get(HASHING);
  if (!hashing)
    throw wrongKey(`its key is ${(await store.meta.get(MASTER)) ?? 'unknown'}, this one is ${master.id}`);
  return { keys, hashing };
}

const wrongKey = (why: string): ConfigError =>
  new ConfigError(
    'GATEHOUSE_MASTER_KEY',
    `is not the key that this store was made with (${why}); give the right one`,
  );

async function update(vault: Vault, store: Store, keys: Map<string, Buffer>): Promise<void> {
  for (const [name, key] of keys) if (name !== HASHING) vault.learn(name, key);
  const sealing = await store.meta.get(SEALING);
  if (sealing !== undefined && sealing !== vault.sealingKey && vault.knows(sealing)) vault.sealWith(sealing);
}

/** Names of rewrap.ts. */
export const META = { MASTER, SEALING, HASHING } as const;
