/**
 * What a person or a program did wrong, in words for them. `key` names the field or thing; nothing was changed.
 * The CLI prints the message, HTTP turns it into an answer.
 */
export abstract class ProductError extends Error {
  constructor(
    readonly key: string,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** Something with this name is there already, or something else depends on it; `data` says what and how many. */
export class Conflict extends ProductError {
  constructor(
    key: string,
    message: string,
    readonly data: Record<string, number> | null = null,
  ) {
    super(key, message);
  }
}

/** There is no such thing in this tenant. */
export class NotFound extends ProductError {}

/** A value, or a combination of values, that can't be. */
export class Invalid extends ProductError {}

/** The product is at its limit; try again after `retryAfter` seconds. */
export class Busy extends ProductError {
  constructor(
    key: string,
    message: string,
    readonly retryAfter: number,
  ) {
    super(key, message);
  }
}

/** A configuration that the process can't start with; `message` is one line that names the key and what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  constructor(
    readonly key: string,
    advice: string,
  ) {
    super(`${key}: ${advice}`);
  }
}

/** The store and the program do not fit together; `message` says which command helps. */
export class SchemaMismatch extends Error {
  override name = 'SchemaMismatch';
}

/**
 * The store cannot serve a request now: it is down, silent, full, read-only, or has no free connection. Each interface
 * answers 503 `temporarily_unavailable` in its own shape. `reason` is for the log; it holds no value of a statement.
 *
 * `message`, `statusCode`, `expose` and the two names with underscores are what oidc-provider reads from its own errors,
 * so that its answers and redirects carry the code of RFC 6749, 4.1.2.1.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  readonly statusCode = 503;
  readonly expose = true;
  readonly allow_redirect = true;
  readonly error_description = 'the store does not answer now; try again';
  /** Seconds. */
  readonly retryAfter = 5;

  constructor(
    readonly reason: string,
    cause?: unknown,
  ) {
    super('temporarily_unavailable', { cause });
  }
}
