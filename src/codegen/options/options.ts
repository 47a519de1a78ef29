import type { TenantDb, Vault } from '../../store/index.js';
import { generatorNameOf } from '../language.js';
import { commonOptions, githubOptions, npmOptions } from './defaults.js';
import { findOptions, findSettings, setVersion } from './store.js';
import type { CommonOptions, GithubOptions, NpmOptions, OptionsKey } from './types.js';

/** @param language a generator's name, or an older name of one */
export const npmKey = (apiId: string, language: string): OptionsKey => ({
  apiId,
  kind: 'npm',
  generator: generatorNameOf(language),
});
export const githubKey = (apiId: string): OptionsKey => ({ apiId, kind: 'github', generator: '' });
export const commonKey = (apiId: string): OptionsKey => ({ apiId, kind: 'common', generator: '' });

/** Undefined where they are not set. The token is opened: it must not come into logs, jobs, errors and answers. */
export async function npmOptionsOf(
  db: TenantDb,
  vault: Vault,
  apiId: string,
  language: string,
): Promise<NpmOptions | undefined> {
  const stored = await findOptions(db, vault, npmKey(apiId, language));
  return stored && npmOptions(stored);
}

/** As `npmOptionsOf`. */
export async function githubOptionsOf(
  db: TenantDb,
  vault: Vault,
  apiId: string,
): Promise<GithubOptions | undefined> {
  const stored = await findOptions(db, vault, githubKey(apiId));
  return stored && githubOptions(stored);
}

/** Undefined where they are not set. */
export async function commonOptionsOf(db: TenantDb, apiId: string): Promise<CommonOptions | undefined> {
  const settings = await findSettings(db, commonKey(apiId));
  return settings && commonOptions({ settings });
}

/** Notes the version of a package that was released, where its options are set. */
export const setReleasedVersion = (
  db: TenantDb,
  apiId: string,
  language: string,
  version: string,
): Promise<void> => setVersion(db, npmKey(apiId, language), version);
