import type { CommonOptions, GithubOptions, NpmOptions, Settings, StoredOptions } from './types.js';

/** Options with the defaults of what is not set. */

const NPM = {
  version: '0.0.0',
  homepage: null,
  author: null,
  keywords: [],
  description: null,
  license: 'Unlicense',
  README: null,
  registry: 'https://registry.npmjs.org/',
};

const GITHUB = {
  branch: 'main',
  apiUrl: 'https://api.github.com',
  swaggerUrl: null,
  language: 'typescript',
  userAgent: 'Gatehouse',
  syncLabels: true,
  syncDocs: true,
};

/** What the settings have are checked fields of these names (schemas.ts). */
export const npmOptions = ({ settings, token }: Pick<StoredOptions, 'settings' | 'token'>): NpmOptions => ({
  ...NPM,
  ...(settings as Pick<NpmOptions, 'name' | 'sdkName'>),
  token,
});

const GITHUB_HOST = 'github.com';

export function githubOptions({ settings, token }: Pick<StoredOptions, 'settings' | 'token'>): GithubOptions {
  const { owner, repo } = settings as { owner: string; repo: string };
  const options = {
    ...GITHUB,
    remoteUrl: `https://${GITHUB_HOST}/${owner}/${repo}.git`,
    ...settings,
    token,
  } as Omit<GithubOptions, 'hasGithubApi'>;
  const isAtGithub = URL.parse(options.remoteUrl)?.host === GITHUB_HOST;
  return { ...options, hasGithubApi: isAtGithub || settings['apiUrl'] !== undefined };
}

export const commonOptions = ({ settings }: { settings: Settings }): CommonOptions =>
  settings as unknown as CommonOptions;
