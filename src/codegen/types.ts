/**
 * What the parts of code generation share. `generators/` makes code of a document, `sdk/` makes a package of it and publishes
 * it, `github/` pushes it to a repository, `options/` keeps what both need, `history/` what was released.
 */

/** An OpenAPI 3 document in which every `$ref` leads into the document itself. */
export type OpenApi = Record<string, unknown>;

/** Text files by their path: relative, with `/`, without `.` and `..`. */
export type Files = ReadonlyMap<string, string>;

export interface GeneratorOption {
  type: 'string' | 'boolean' | 'integer';
  default?: string | boolean | number;
  enum?: readonly string[];
  description: string;
}

/** What makes a client or a server of a document. */
export interface Generator {
  /** `hey-api-fetch`; what routes and bodies call `language`. */
  name: string;
  title: string;
  /** The programming language: `typescript`. */
  language: string;
  engine: 'hey-api' | 'gatehouse' | 'openapi-generator';
  /** Whether this machine has what it needs. */
  available: boolean;
  /** What to install where it is not available. */
  missing?: string;
  options: Readonly<Record<string, GeneratorOption>>;
}

export interface GenerateOrder {
  /** The name of a generator, or `typescript`, or `angular2`. */
  generator: string;
  document: OpenApi;
  options: Readonly<Record<string, unknown>>;
}

/** How work of a child process is followed and ended. */
export interface Following {
  /** Kills the process with its children. */
  signal?: AbortSignal | undefined;
  /** Takes each line that a tool writes. */
  line?(text: string): void;
  /** How long it may take; as long as a call may wait for it (`LIMITS`) where it is not set. */
  milliseconds?: number;
}

export interface Generators {
  clients(): Promise<readonly Generator[]>;
  servers(): Promise<readonly Generator[]>;
  /** A client or server by its name or its older name (`typescript`, `angular2`); undefined where there is none. */
  find(name: string): Promise<Generator | undefined>;
  /** Says that an order is about to come, so that its process can start meanwhile. */
  expect(name: string): void;
  /**
   * Generates code, in a process of its own with limits of time, memory and output.
   * @throws Failure 422 for an unknown or unavailable generator (`genName`), a wrong option (`options/<name>`), a document that it
   * cannot be made of (200001), and a generator that fails (200006, `data.lastLines`).
   */
  generate(order: GenerateOrder, following?: Following): Promise<Files>;
}
