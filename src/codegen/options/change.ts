import type { TenantDb, Vault } from '../../store/index.js';
import type { Reach } from '../../kernel/private-networks.js';
import { checkRequired, checkSent, checkTexts } from './checks.js';
import { githubOptions, npmOptions } from './defaults.js';
import { lockOptions, putOptions } from './store.js';
import type { OptionsKey, OptionsKind, Settings, StoredOptions } from './types.js';

type Sent = Readonly<Record<string, unknown>>;

/** What is left out stays; null clears, and so does an empty text. */
function merged(before: Settings, sent: Sent): Settings {
  const given = Object.entries(sent).filter(([, value]) => value !== undefined);
  const after = Object.entries({ ...before, ...Object.fromEntries(given) });
  return Object.fromEntries(after.filter(([, value]) => value !== null && value !== ''));
}

/** An address in one spelling. */
const spelled = (address: string): string => URL.parse(address)?.href.replace(/\/+$/, '') ?? address;

/** What a token is for: it must not go anywhere else. */
const PURPOSES: Readonly<Record<OptionsKind, (settings: Settings) => readonly string[]>> = {
  npm: (settings) => [spelled(npmOptions({ settings, token: null }).registry)],
  github(settings) {
    const { owner, repo, remoteUrl, apiUrl, hasGithubApi } = githubOptions({ settings, token: null });
    return [owner, repo, spelled(remoteUrl), hasGithubApi ? spelled(apiUrl) : ''];
  },
  common: () => [],
};

const isSamePurpose = (kind: OptionsKind, before: Settings, after: Settings): boolean => {
  const [had, has] = [PURPOSES[kind](before), PURPOSES[kind](after)];
  return had.every((each, index) => each === has[index]);
};

/**
 * Changes options. A token is kept only while the addresses that it was set for stay the same. Hold the API.
 * @throws Failure: 422
 */
export async function changeOptions(
  db: TenantDb,
  vault: Vault,
  key: OptionsKey,
  { token, ...sent }: Sent & { token?: string | null | undefined },
  reach: Reach,
): Promise<StoredOptions> {
  const before = await lockOptions(db, vault, key);
  const settings = merged(before?.settings ?? {}, sent);
  checkRequired(key.kind, settings);
  checkSent(key.kind, sent, reach);
  const kept = before && isSamePurpose(key.kind, before.settings, settings) ? before.token : null;
  const after = { settings, token: token === undefined ? kept : token };
  checkTexts(settings, after.token);
  return putOptions(db, vault, key, { ...after, ...(before && { createdAt: before.createdAt }) });
}
