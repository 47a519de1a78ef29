import type { Problem } from './problem.js';

/** Why an attempt failed, as far as the caller may know it. */
export interface Fault {
  problem: Problem;
  /** The connection was closed before anything of an answer came. */
  isReset: boolean;
  /** It is the request that cannot be sent: it says nothing of the backend. */
  isOurs: boolean;
  /** For the log: undici's or the system's code, which names no address. */
  code: string;
}

const TIMEOUTS = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
]);
const RESETS = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const REFUSED_REQUESTS = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** Codes of a TLS connection that was refused, by either side: OpenSSL's names for what is wrong with a certificate, and Node's. */
const SECURITY =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|HOSTNAME_MISMATCH$)/;

/** Reads an error of a pool. Errors of connections name addresses, so only their codes go on. */
export function faultOf(error: Error): Fault {
  const { code = error.name } = error as NodeJS.ErrnoException;
  const fault = { isReset: RESETS.has(code), isOurs: REFUSED_REQUESTS.has(code), code };
  if (fault.isOurs) {
    const detail = 'A header or the path has a character that HTTP does not allow; remove it.';
    return { ...fault, problem: { word: 'invalid-request', detail } };
  }
  if (TIMEOUTS.has(code)) {
    const detail = 'The backend did not answer in the time that it has. Try again later.';
    return { ...fault, problem: { word: 'timeout', detail } };
  }
  if (SECURITY.test(code)) {
    const detail = 'A secure connection to the backend could not be made. Tell the API’s publisher.';
    return { ...fault, problem: { word: 'backend', detail } };
  }
  const detail = 'The backend could not be reached, or its answer was not valid HTTP. Try again later.';
  return { ...fault, problem: { word: 'backend', detail } };
}
