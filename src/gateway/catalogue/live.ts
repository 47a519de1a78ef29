import { LRUCache } from 'lru-cache';
import { parse } from '../../kernel/json.js';
import { soon, type Soon } from '../../kernel/soon.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import type { CompiledDocument, LiveApi } from '../types.js';
import { documentReader } from './documents.js';
import { followChanges } from './follow.js';
import { openKept, type KeptFor } from './kept.js';
import { hashProductKey } from './key-store.js';
import { apiReader, type ReadApi } from './live-read.js';

/** Compiled documents in memory; one that is not used for long is read again at its next call. */
const MOST_DOCUMENTS = 200;
/** And so many characters of their JSON, so that large ones do not fill the memory. */
const MOST_DOCUMENT_CHARACTERS = 64 * 1024 * 1024;
/** What a suffix can be: strangers ask for anything, and what is not there is remembered as well. */
const SUFFIX = /^[a-zA-Z0-9-]{1,32}$/;
/** APIs in memory, without their documents: a few kilobytes each. */
const MOST_APIS = 10_000;
const MOST_KEYS = 20_000;

/** A product key as it is now; whether it holds is for the access step to say. */
export interface LiveKey {
  /** The key pair's id. */
  id: string;
  productId: string;
  clientId?: string;
  state: 'active' | 'suspended';
  /** Epoch milliseconds. */
  expiresAt?: number;
}

export interface LiveCatalogue {
  /**
   * The tenant's API at a suffix as it is written; undefined where there is none, or it is disabled. From memory, at once,
   * where nothing has changed. A promise of it rejects where the API was never read and the store is away.
   */
  bySuffix(tenant: KeptFor, suffix: string): Soon<LiveApi | undefined>;
  /** The key pair that a caller presents one key of; undefined for an unknown one. Kept in memory as APIs are. */
  productKey(tenant: KeptFor, key: string): Soon<LiveKey | undefined>;
  /** Looks for changes now, so that the next call sees those that are committed. */
  refresh(): Promise<void>;
  close(): void;
}

export interface LiveBase {
  store: Store;
  log: Log;
  /** Of compiled documents in memory. */
  documentCharacters?: number;
}

/**
 * The APIs as they are called, in memory. A change of this process is seen by the next call, and one of another process within
 * a second: the store says that something has changed, calls look once a second as well, and where the tenant's number has
 * moved an API is read again when it is called next. While the store is away, calls get what is known.
 */
export function openLiveCatalogue({
  store,
  log,
  documentCharacters = MOST_DOCUMENT_CHARACTERS,
}: LiveBase): LiveCatalogue {
  const changes = followChanges(store, log);
  const apis = openKept<ReadApi>({
    changes,
    log,
    most: MOST_APIS,
    read: apiReader(store, keepDocuments(store, documentCharacters)),
  });
  const keys = openKept<LiveKey>({ changes, log, most: MOST_KEYS, read: keyReader(store) });
  return {
    bySuffix: (tenant, suffix) =>
      SUFFIX.test(suffix) ? soon(apis(tenant, suffix), (read) => read?.api) : undefined,
    productKey: (tenant, key) => keys(tenant, hashProductKey(key)),
    refresh: () => changes.look(),
    close: () => changes.close(),
  };
}

function keyReader(store: Store) {
  const select = store.prepare(
    `SELECT id, product_id, client_id, state, expires_at FROM api_product_keys
     WHERE tenant_id = ? AND (primary_hash = ? OR secondary_hash = ?)`,
  );
  return async (tenantId: string, hash: string): Promise<LiveKey | undefined> => {
    const row = await select.first(tenantId, hash, hash);
    return (
      row && {
        id: row['id'] as string,
        productId: row['product_id'] as string,
        ...(row['client_id'] !== null && { clientId: row['client_id'] as string }),
        state: row['state'] as LiveKey['state'],
        ...(row['expires_at'] !== null && { expiresAt: row['expires_at'] as number }),
      }
    );
  };
}

/** Documents in memory, by id: what is stored under an id never changes. */
function keepDocuments(store: Store, characters: number) {
  const { compiledText, openapi } = documentReader(store);
  const kept = new LRUCache<string, CompiledDocument>({ max: MOST_DOCUMENTS, maxSize: characters });
  const running = new Map<string, Promise<CompiledDocument>>();
  async function read(tenantId: string, documentId: string): Promise<CompiledDocument> {
    const text = await compiledText(tenantId, documentId);
    const document = parse<CompiledDocument>(text);
    kept.set(documentId, document, { size: text.length });
    return document;
  }
  return {
    openapi,
    compiled(tenantId: string, documentId: string): Promise<CompiledDocument> {
      const there = kept.get(documentId);
      if (there) return Promise.resolve(there);
      const reading =
        running.get(documentId) ?? read(tenantId, documentId).finally(() => running.delete(documentId));
      running.set(documentId, reading);
      return reading;
    },
  };
}
