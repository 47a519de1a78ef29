import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import { uniquely, type Row, type TenantDb } from '../../store/index.js';
import type { Version, VersionScheme, VersionSet } from './types.js';

const toSet = (row: Row): VersionSet => ({
  apiResourceId: row['api_resource_id'] as string,
  suffix: row['suffix'] as string,
  scheme: toScheme(row),
  lastPublish: parse<Record<string, unknown>>(row['last_publish']),
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export const toScheme = (row: Row): VersionScheme =>
  row['scheme_in'] === 'path'
    ? { in: 'path' }
    : { in: row['scheme_in'] as 'header' | 'query', name: row['scheme_name'] as string };

export const toVersion = (row: Row): Version => ({
  id: row['id'] as string,
  apiResourceId: row['api_resource_id'] as string,
  name: row['name'] as string,
  displayName: row['display_name'] as string,
  description: row['description'] as string | null,
  authServerId: row['auth_server_id'] as string,
  scope: row['scope'] as string | null,
  passToken: Boolean(row['pass_token']),
  currentRevisionId: row['current_revision_id'] as string,
  lastRevision: row['last_revision'] as number,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

export async function findVersionSet(db: TenantDb, apiResourceId: string): Promise<VersionSet | undefined> {
  const row = (await db.from('api_version_sets').where({ api_resource_id: apiResourceId }).first()) as
    Row | undefined;
  return row && toSet(row);
}

type NewVersionSet = Omit<VersionSet, 'createdAt' | 'updatedAt'>;

const setColumns = ({ suffix, scheme, lastPublish }: NewVersionSet): Record<string, unknown> => ({
  suffix,
  suffix_key: suffix.toLowerCase(),
  scheme_in: scheme.in,
  scheme_name: scheme.in === 'path' ? null : scheme.name,
  last_publish: JSON.stringify(lastPublish),
});

const suffixTaken = (suffix: string): Record<string, [string, string]> => ({
  api_version_sets_suffix_key: [
    'suffix',
    `another API has the suffix "${suffix}", in this or another case; choose another one`,
  ],
});

/** @throws Conflict when the suffix is taken */
export async function insertVersionSet(db: TenantDb, set: NewVersionSet): Promise<void> {
  const now = Date.now();
  const row = { api_resource_id: set.apiResourceId, ...setColumns(set), created_at: now, updated_at: now };
  await uniquely(suffixTaken(set.suffix), () => db.insert('api_version_sets', row));
}

/** @throws Conflict when the suffix is taken */
export async function updateVersionSet(db: TenantDb, set: NewVersionSet): Promise<void> {
  await uniquely(suffixTaken(set.suffix), async () =>
    db
      .from('api_version_sets')
      .where({ api_resource_id: set.apiResourceId })
      .update({ ...setColumns(set), updated_at: Date.now() }),
  );
}

/** All versions of an API, the first one first. */
export async function versionsOf(db: TenantDb, apiResourceId: string): Promise<Version[]> {
  const rows = (await db
    .from('api_versions')
    .where({ api_resource_id: apiResourceId })
    .orderBy(['created_at', 'id'])) as Row[];
  return rows.map(toVersion);
}

export async function findVersion(db: TenantDb, id: string): Promise<Version | undefined> {
  const row = (await db.from('api_versions').where({ id }).first()) as Row | undefined;
  return row && toVersion(row);
}

export type NewVersion = Omit<Version, 'id' | 'createdAt' | 'updatedAt'>;

const versionColumns = (version: NewVersion): Record<string, unknown> => ({
  name: version.name,
  display_name: version.displayName,
  description: version.description,
  scope: version.scope,
  auth_server_id: version.authServerId,
  pass_token: version.passToken,
  current_revision_id: version.currentRevisionId,
  last_revision: version.lastRevision,
});

/** @throws Conflict when the API has a version of this name */
export async function insertVersion(db: TenantDb, version: NewVersion, id = newId()): Promise<Version> {
  const now = Date.now();
  const row = {
    id,
    api_resource_id: version.apiResourceId,
    ...versionColumns(version),
    created_at: now,
    updated_at: now,
  };
  await uniquely(
    { api_versions_name: ['apiVersionName', `the API has a version "${version.name}" already`] },
    () => db.insert('api_versions', row),
  );
  return { ...version, id, createdAt: now, updatedAt: now };
}

/** Writes a version as it is now. Hold its API by `lockApiResource`. */
export async function updateVersion(db: TenantDb, version: Version): Promise<Version> {
  const updatedAt = Date.now();
  await db
    .from('api_versions')
    .where({ id: version.id })
    .update({ ...versionColumns(version), updated_at: updatedAt });
  return { ...version, updatedAt };
}

/** Deletes a version with its revisions and releases; with the first one, where the API is reached. */
export async function deleteVersion(db: TenantDb, { id, apiResourceId }: Version): Promise<void> {
  await db.from('api_versions').where({ id }).delete();
  if (id === apiResourceId)
    await db.from('api_version_sets').where({ api_resource_id: apiResourceId }).delete();
}
