/** What is set for the package of an API and a generator (`options/`), with the defaults of what is not. */
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

/** What a release is asked for, and is kept with its job. */
export interface ReleaseInput {
  /** The generator's name. */
  language: string;
  swaggerUrl: string | null;
  tags: string[];
}

/** What a release has made. */
export interface ReleaseResult extends Readonly<Record<string, unknown>> {
  name: string;
  version: string;
  registry: string;
  integrity: string;
}
