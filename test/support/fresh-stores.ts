import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../src/config.js';
import { start } from '../../src/main.js';
import { migrate, openStore } from '../../src/store/index.js';
import { SQLITE_FILE } from '../../src/store/store.js';
import { configFor, type StoreKind } from './config.js';
import { newDatabase } from './postgres.js';

/** `started` is what the first start leaves behind, with the administrator and the client of these tests. */
export type StoreState = 'empty' | 'migrated' | 'started';

const MAKERS: Record<Exclude<StoreState, 'empty'>, (kind: StoreKind) => Promise<Config>> = {
  async migrated(kind) {
    const config = await configFor(kind);
    const store = await openStore(config);
    await migrate(store);
    await store.close();
    return config;
  },
  async started(kind) {
    const config = await configFor(kind, {}, {}, 'migrated');
    await (await start(config)).stop();
    return config;
  },
};

/** The stores that others are copied from, each made once in a process. */
const templates = new Map<string, Promise<Config>>();

function templateOf(kind: StoreKind, state: Exclude<StoreState, 'empty'>): Promise<Config> {
  const key = `${kind} ${state}`;
  const made = templates.get(key) ?? MAKERS[state](kind);
  templates.set(key, made);
  return made;
}

/** What the first start reads of a configuration, besides the issuer, which each start follows. */
const firstStart = ({ masterKey, admin, client, mqtt: { appId, appSecret }, passwords }: Config): string =>
  JSON.stringify([masterKey, admin, client, appId, appSecret, passwords]);

/**
 * A configuration with a fresh store of the state. Where a first start by it would make something else than the others, its store
 * has only its tables, and the start makes the rest.
 * @param given whether it names a store already.
 */
export async function withStore(
  kind: StoreKind,
  config: Config,
  state: StoreState,
  given: boolean,
): Promise<Config> {
  if (given) return config;
  const empty = state === 'empty';
  let template = empty ? undefined : await templateOf(kind, state);
  if (template && state === 'started' && firstStart(template) !== firstStart(config))
    template = await templateOf(kind, 'migrated');
  if (kind === 'postgres') return { ...config, databaseUrl: await newDatabase(template?.databaseUrl) };
  if (template) copyFileSync(join(template.dataDir, SQLITE_FILE), join(config.dataDir, SQLITE_FILE));
  return config;
}
