import type { Knex } from 'knex';
import { NotFound } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import { uniquely, type Row, type TenantDb } from '../../store/index.js';
import { MOST_SHOW_INDEX } from './schemas.js';
import type { Package, PackageFields } from './types.js';

const TABLE = 'api_packages';

export const toPackage = (row: Row): Package => ({
  id: row['id'] as string,
  name: row['name'] as string,
  publisher: row['publisher'] as string,
  link: row['link'] as string,
  icon: row['icon'] as string | null,
  description: row['description'] as string | null,
  packagePlatform: row['platform'] as Package['packagePlatform'],
  language: row['language'] as string,
  showIndex: Number(row['show_index']),
  tags: parse<string[]>(row['tags']),
  createdAt: Number(row['created_at']),
  updatedAt: Number(row['updated_at']),
});

/** The index in digits of one length, and then the name: as text it is in the order of both. */
const orderOf = ({ showIndex, name }: PackageFields): string =>
  `${String(showIndex + MOST_SHOW_INDEX).padStart(10, '0')} ${name.toLowerCase()}`;

const columnsOf = (fields: PackageFields): Record<string, unknown> => ({
  name: fields.name,
  publisher: fields.publisher,
  link: fields.link,
  icon: fields.icon,
  description: fields.description,
  platform: fields.packagePlatform,
  language: fields.language,
  show_index: fields.showIndex,
  show_order: orderOf(fields),
  tags: JSON.stringify(fields.tags),
});

const taken = ({ name, packagePlatform, language }: PackageFields): Record<string, [string, string]> => ({
  api_packages_name: [
    'name',
    `the API has a package "${name}" of ${packagePlatform} and ${language}; change that one, or take another name`,
  ],
});

/** What `orderby` may say, and its column. */
export const PACKAGE_COLUMNS = {
  showIndex: 'show_order',
  name: 'name',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
};

export const packagesOf = (db: TenantDb, apiId: string): Knex.QueryBuilder =>
  db.from(TABLE).where({ api_resource_id: apiId });

/** How many packages an API has, up to `most`. */
export async function countPackages(db: TenantDb, apiId: string, most: number): Promise<number> {
  const some = (await packagesOf(db, apiId).select('id').limit(most)) as unknown[];
  return some.length;
}

/** Nobody else changes it before the transaction ends. @throws NotFound */
export async function lockPackage(db: TenantDb, apiId: string, id: string): Promise<Package> {
  const row = (await packagesOf(db, apiId).where({ id }).forUpdate().first()) as Row | undefined;
  if (!row) throw new NotFound('package', `the API has no package "${id}"`);
  return toPackage(row);
}

/** @throws Conflict where the API has one of this name, platform and language */
export async function insertPackage(db: TenantDb, apiId: string, fields: PackageFields): Promise<Package> {
  const now = Date.now();
  const id = newId();
  await uniquely(taken(fields), () =>
    db.insert(TABLE, {
      id,
      api_resource_id: apiId,
      ...columnsOf(fields),
      created_at: now,
      updated_at: now,
    }),
  );
  return { id, ...fields, createdAt: now, updatedAt: now };
}

/** Writes a package as it is now. Take it by `lockPackage`. @throws Conflict as `insertPackage` does */
export async function replacePackage(db: TenantDb, apiId: string, changed: Package): Promise<Package> {
  const updatedAt = Date.now();
  await uniquely(taken(changed), async () =>
    packagesOf(db, apiId)
      .where({ id: changed.id })
      .update({ ...columnsOf(changed), updated_at: updatedAt }),
  );
  return { ...changed, updatedAt };
}

/**
 * Adds a package, or changes the one of this name, platform and language: what people have set stays, such as its icon and its place
 * in the list, and its tags where none are given. Hold the API by `lockApiResource`.
 */
export async function putPackage(db: TenantDb, apiId: string, fields: PackageFields): Promise<Package> {
  const { name, packagePlatform: platform, language } = fields;
  const row = (await packagesOf(db, apiId).where({ name, platform, language }).forUpdate().first()) as
    Row | undefined;
  if (!row) return insertPackage(db, apiId, fields);
  const { icon, showIndex, ...before } = toPackage(row);
  const tags = fields.tags.length === 0 ? before.tags : fields.tags;
  return replacePackage(db, apiId, { ...before, ...fields, icon, showIndex, tags });
}

export const deletePackage = async (db: TenantDb, apiId: string, id: string): Promise<void> =>
  void (await packagesOf(db, apiId).where({ id }).delete());
