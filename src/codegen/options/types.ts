/** What is set for the package of an API and a generator, with the defaults of what is not. */
export interface NpmOptions {
  name: string;
  sdkName: string;
  /** The last one that was released, or what the next is counted from. */
  version: string;
  homepage: string | null;
  author: string | null;
  keywords: readonly string[];
  description: string | null;
  /** An id of the SPDX license list. */
  license: string;
  /** Markdown. */
  README: string | null;
  registry: string;
  token: string | null;
}

/** What is set for the repository of an API, with the defaults of what is not. */
export interface GithubOptions {
  owner: string;
  repo: string;
  branch: string;
  remoteUrl: string;
  apiUrl: string;
  token: string | null;
  swaggerUrl: string | null;
  /** As it was sent: a generator's name, `typescript` or `angular2`. */
  language: string;
  userAgent: string;
  syncLabels: boolean;
  syncDocs: boolean;
  /**
   * Whether the token is for `apiUrl` too: where it was set, or where the repository is on github.com. Labels and releases are
   * made only then.
   */
  hasGithubApi: boolean;
}

export interface CommonOptions {
  swaggerUrl: string;
}

/** Which options: of an API and a generator, or of an API. */
export type OptionsKind = 'npm' | 'github' | 'common';

export interface OptionsKey {
  apiId: string;
  kind: OptionsKind;
  /** The name of the generator; empty where they are not by generator. */
  generator: string;
}

/** What callers have set, by field, without defaults and without the token. */
export type Settings = Readonly<Record<string, unknown>>;

/** Options as they are stored, opened. */
export interface StoredOptions {
  settings: Settings;
  token: string | null;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}
