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
