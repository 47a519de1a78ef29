import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type Config } from '../config.js';
import type { Store } from './store.js';
import { SealBroken, Vault } from './vault.js';

const FILE = 'master.key';
const PROBE_ROW = 'meta:master_key_probe';

function decode(text: string, from: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32 || key.toString('base64').replace(/=+$/, '') !== text.trim().replace(/=+$/, ''))
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      `must be 32 bytes in base64 (${from}); make one with: openssl rand -base64 32`,
    );
  return key;
}

/**
 * The vault of this store. The key comes from the configuration, or from `master.key` (mode 600) in the data folder,
 * which is made on the first start on SQLite. A key other than the one that the store was made with is refused.
 */
export async function openVault(config: Config, store: Store): Promise<Vault> {
  const file = join(config.dataDir, FILE);
  const probe = await store.meta.get('master_key_probe');
  let vault: Vault;
  if (config.masterKey !== undefined)
    vault = new Vault(decode(config.masterKey, 'from the environment or a config file'));
  else if (store.dialect === 'sqlite' && existsSync(file))
    vault = new Vault(decode(readFileSync(file, 'utf8'), file));
  else if (store.dialect === 'postgres')
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      'is required with PostgreSQL; make one with: openssl rand -base64 32',
    );
  else if (probe !== undefined)
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      `is not set and ${file} is missing, but the store was made with a key; give it back`,
    );
  else {
    const key = randomBytes(32);
    writeFileSync(file, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    vault = new Vault(key);
  }
  const found = probe ?? (await store.meta.claim('master_key_probe', vault.seal('gatehouse', PROBE_ROW)));
  try {
    vault.open(found, PROBE_ROW);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    throw new ConfigError(
      'GATEHOUSE_MASTER_KEY',
      `is not the key that this store was made with (${error.message}); give the right one`,
    );
  }
  return vault;
}
