import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Knex } from 'knex';
import type { Log } from '../observe/index.js';
import type { Row, Store, TenantDb } from '../store/index.js';
import type { Kind } from './content/kinds.js';
import { onDisk } from './disk-errors.js';
import type { BlobDriver, Range } from './drivers/driver.js';
import type { Spool, Spooled } from './spool.js';

/** A file that is kept. */
export interface Blob {
  tenantId: string;
  folder: string;
  /** Random, with the ending of its kind; nobody finds it who was not told. */
  name: string;
  type: string;
  size: number;
  sha256: string;
  /** Epoch milliseconds. */
  createdAt: number;
}

/** Longer than any upload and the transaction after it can take. */
const UNSETTLED_MS = 3_600_000;
const BATCH = 100;

/** Where a blob is found, under its tenant's address. */
export const blobPath = ({ folder, name }: Pick<Blob, 'folder' | 'name'>): string =>
  `/files/${folder}/${name}`;

const keyOf = ({ tenantId, folder, name }: Pick<Blob, 'tenantId' | 'folder' | 'name'>): string =>
  `${tenantId}/${folder}/${name}`;

const BLOB_PATH = /^\/files\/([a-zA-Z0-9]{5,30})\/([A-Za-z0-9_-]{22}\.[a-z0-9]{2,4})$/;

/** The folder and name in a blob's path or address; undefined for what is none. */
export function blobAt(path: string): Pick<Blob, 'folder' | 'name'> | undefined {
  const [, folder, name] = BLOB_PATH.exec(path) ?? [];
  return folder === undefined || name === undefined ? undefined : { folder, name };
}

/** Whether this is the address of a file at an issuer. */
export function isBlobAddress(address: string, issuer: string): boolean {
  const url = URL.parse(address);
  return url !== null && url.origin === URL.parse(issuer)?.origin && blobAt(url.pathname) !== undefined;
}

const toBlob = (row: Row): Blob => ({
  tenantId: row['tenant_id'] as string,
  folder: row['folder'] as string,
  name: row['name'] as string,
  type: row['type'] as string,
  size: Number(row['size']),
  sha256: row['sha256'] as string,
  createdAt: Number(row['created_at']),
});

/**
 * Files of tenants. The row comes first, with an end; then the bytes; then the transaction of what the file is for takes
 * the end away. Whatever breaks in between, the row is found by the sweep, and the bytes with it.
 */
export interface Blobs {
  /** Takes over a spooled file, for an hour; `settleBlob` in a transaction keeps it. */
  keep(file: Spooled, of: { tenantId: string; folder: string; kind: Kind; owner?: string }): Promise<Blob>;
  find(tenantId: string, at: Pick<Blob, 'folder' | 'name'>): Promise<Blob | undefined>;
  /** Undefined where the bytes are gone. */
  open(blob: Blob, range?: Range): Promise<Readable | undefined>;
  /** Takes out what nothing refers to: broken uploads, what was let go of, and files of tenants that are gone. */
  sweep(): Promise<number>;
}

/** Keeps a blob for good, in the transaction of what refers to it. */
export const settleBlob = async (db: TenantDb, { name }: Pick<Blob, 'name'>): Promise<void> =>
  void (await db.from('blobs').where({ name }).update({ expires_at: null }));

/** Lets go of a blob of this person's own; its bytes go with the next sweep. What is no such blob is left alone. */
export async function releaseBlob(db: TenantDb, owner: string, url: string): Promise<void> {
  const at = blobAt(URL.parse(url)?.pathname ?? '');
  if (at)
    await db
      .from('blobs')
      .where({ ...at, owner_user_key: owner })
      .update({ expires_at: Date.now() });
}

/** The same for all blobs of a person who is forgotten. */
export const releaseBlobsOf = async (db: TenantDb, owner: string): Promise<void> =>
  void (await db.from('blobs').where({ owner_user_key: owner }).update({ expires_at: Date.now() }));

/** All files of a tenant that is being deleted; its rows go with it. */
export const releaseTenant = async (knex: Knex, tenantId: string): Promise<void> =>
  void (await knex('released_tenants').insert({ tenant_id: tenantId }));

export function openBlobs({
  store,
  driver,
  spool,
  log,
}: {
  store: Store;
  driver: BlobDriver;
  spool: Spool;
  log: Log;
}): Blobs {
  const insert = store.prepare(
    `INSERT INTO blobs (tenant_id, name, folder, type, size, sha256, owner_user_key, expires_at, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const find = store.prepare(
    'SELECT * FROM blobs WHERE tenant_id = ? AND name = ? AND folder = ? AND expires_at IS NULL',
  );
  const loose = store.prepare(`SELECT * FROM blobs WHERE expires_at <= ? LIMIT ${BATCH}`);
  const forget = store.prepare('DELETE FROM blobs WHERE tenant_id = ? AND name = ? AND expires_at <= ?');
  const released = store.prepare(`SELECT tenant_id FROM released_tenants LIMIT ${BATCH}`);
  const forgetTenant = store.prepare('DELETE FROM released_tenants WHERE tenant_id = ?');

  async function sweepLoose(): Promise<number> {
    let removed = 0;
    for (;;) {
      const now = Date.now();
      const rows = await loose.all(now);
      for (const blob of rows.map(toBlob)) {
        await driver.remove(keyOf(blob));
        removed += await forget.run(blob.tenantId, blob.name, now);
      }
      if (rows.length < BATCH) return removed;
    }
  }

  async function sweepTenants(): Promise<number> {
    let removed = 0;
    for (const row of await released.all()) {
      const tenantId = row['tenant_id'] as string;
      await driver.removeTenant(tenantId);
      removed += await forgetTenant.run(tenantId);
    }
    return removed;
  }

  return {
    async keep(file, { tenantId, folder, kind, owner = null }) {
      const name = `${randomBytes(16).toString('base64url')}.${kind.ext}`;
      const blob: Blob = {
        tenantId,
        folder,
        name,
        type: kind.type,
        size: file.size,
        sha256: file.sha256,
        createdAt: Date.now(),
      };
      const { createdAt, type, size, sha256 } = blob;
      const end = createdAt + UNSETTLED_MS;
      await insert.run(tenantId, name, folder, type, size, sha256, owner, end, createdAt);
      await onDisk(driver.put(keyOf(blob), file, type));
      return blob;
    },
    async find(tenantId, { folder, name }) {
      const row = await find.first(tenantId, name, folder);
      return row && toBlob(row);
    },
    open: (blob, range) => onDisk(driver.open(keyOf(blob), range)),
    async sweep() {
      const removed = (await spool.sweep(UNSETTLED_MS)) + (await sweepLoose()) + (await sweepTenants());
      if (removed > 0) log.info({ removed }, 'swept files');
      return removed;
    },
  };
}
