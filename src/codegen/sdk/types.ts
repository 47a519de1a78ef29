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
