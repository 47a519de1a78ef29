import { sixteenRandomBytes } from '../../kernel/random.js';

const ID_BYTES = 16;
const PARENT_DIGITS = 16;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const ZEROS = /^0+$/;

const randomHex = (digits: number): string =>
  sixteenRandomBytes().toString('hex', 0, ID_BYTES).slice(0, digits);

/** A request's place in its trace. */
export interface Trace {
  /** The `traceparent` of the request to the backend. */
  parent: string;
  /** Whether the caller's trace goes on, so that its `tracestate` still holds (W3C Trace Context, 3.3). */
  continued: boolean;
}

/**
 * The `traceparent` to send on: the caller's trace and its sampled flag with a parent id of its own, or a new trace where the
 * caller's is missing or invalid (W3C Trace Context, 3.2 and 4.3).
 */
export function nextTrace(given: string | undefined): Trace {
  const [, version, trace = '', parent = '', flags = ''] = TRACEPARENT.exec(given ?? '') ?? [];
  const isValid =
    version !== undefined &&
    version !== 'ff' &&
    !(version === '00' && given?.length !== 55) &&
    !ZEROS.test(trace) &&
    !ZEROS.test(parent);
  const next = randomHex(PARENT_DIGITS);
  if (!isValid) return { parent: `00-${randomHex(2 * ID_BYTES)}-${next}-00`, continued: false };
  return { parent: `00-${trace}-${next}-${parseInt(flags, 16) & 1 ? '01' : '00'}`, continued: true };
}
