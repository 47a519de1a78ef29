import { hash } from 'node:crypto';
import { soon, type Soon } from '../../kernel/soon.js';
import { pathOf } from '../../kernel/target.js';
import type { Problem } from '../plane/problem.js';
import type { Caller } from '../types.js';
import { readAuthorization } from './authorization-header.js';
import { badProof, badToken, noToken } from './challenges.js';
import { FreshAnswers, type Changes } from './fresh-answers.js';
import type { IssuedToken, TokenIssuer } from './issued-token.js';
import type { TenantRuntime } from '../../oidc/index.js';
import type { AccessCall } from './types.js';

/** A token whose signature was checked, and who calls by it now. */
interface KnownToken {
  token: IssuedToken;
  caller: Caller;
}

/** A token with its caller is near 2 KiB. */
const MOST_TOKENS = 20_000;

const EXPIRED = 'The access token has expired; get a new one.';
const NOT_VALID =
  'The access token is malformed, was not issued by the API’s authorization server, or does not work any more.';
const NOT_FOR_API = 'The access token is for another API; ask for one whose audience is this API.';
const NEEDS_PROOF = 'The access token is bound to a key; send it as "DPoP" with a proof of that key.';
const NEEDS_CERTIFICATE =
  'The access token is bound to a TLS certificate; connect with the certificate that it was issued to.';
const NO_PROOF = 'A token that is sent as "DPoP" needs a proof in the DPoP header.';
const BAD_PROOF =
  'The DPoP proof does not fit: its signature, method, address, time, token hash or key. Make a new one for each request.';
const NOT_BOUND = 'The access token is bound to no key; send it as "Bearer".';

/** Longer proofs are refused unread. */
const LONGEST_PROOF = 8192;

const sameScopes = (one: ReadonlySet<string>, others: readonly string[]): boolean =>
  one.size === others.length && others.every((scope) => one.has(scope));

/** Who calls by a token. The object stays the same while nothing of it changes. */
function callerOf(token: IssuedToken, scopes: readonly string[], last: Caller | undefined): Caller {
  if (last && sameScopes(last.scopes, scopes)) return last;
  const { subject, clientId, userKey, expiresAt } = token;
  return { subject, clientId, ...(userKey !== undefined && { userKey }), scopes: new Set(scopes), expiresAt };
}

/**
 * Checks the tokens of calls. A signature is checked once, and what was found is kept by the token's hash until the token
 * expires. Whether the token still works is asked each time, where the last answer is not fresh.
 */
export class TokenChecks {
  readonly #known: FreshAnswers<KnownToken>;
  /** Tells the issuers apart whose tokens are known. A tenant that changes is another one, and its tokens are read again. */
  readonly #issuers = new WeakMap<object, { number: number; issuer: TokenIssuer }>();
  #lastNumber = 0;

  constructor(changes: Changes) {
    this.#known = new FreshAnswers(MOST_TOKENS, changes);
  }

  /** Sets `call.caller`, unless no token came and none is needed. */
  check(call: AccessCall, rules: TokenRules): Soon<Problem | undefined> {
    const { audience, required, runtime } = rules;
    const presented = readAuthorization(call.request);
    if (presented === 'none') return required ? noToken : undefined;
    if (presented === 'malformed') return badToken(NOT_VALID);
    const { scheme, token: text } = presented;
    const { number, issuer } = this.#issuerOf(rules);
    const key = `${number}:${hash('sha256', text, 'base64url')}`;
    return soon(
      this.#known.get(key, (last) => look(text, issuer, last)),
      (known) => {
        const reason = known ? unusable(call, known.token, audience) : NOT_VALID;
        if (!known || reason !== undefined) return refusal(scheme, reason ?? NOT_VALID);
        if (scheme === 'dpop') return checkProof(call, text, known, runtime);
        if (known.token.jkt !== undefined) return badToken(NEEDS_PROOF);
        call.caller = known.caller;
        return undefined;
      },
    );
  }

  #issuerOf({ source, issuer }: TokenRules): { number: number; issuer: TokenIssuer } {
    let known = this.#issuers.get(source);
    if (!known) this.#issuers.set(source, (known = { number: ++this.#lastNumber, issuer: issuer() }));
    return known;
  }
}

/** Whose tokens a call takes. */
export interface TokenRules {
  /** What the issuer is made from: one object for as long as its tokens are checked in the same way. */
  source: object;
  issuer(): TokenIssuer;
  audience: string;
  /** The tenant's, which checks proofs. */
  runtime: TenantRuntime;
  /** Whether a call without a token is refused. */
  required: boolean;
}

const refusal = (scheme: 'bearer' | 'dpop', detail: string): Problem =>
  scheme === 'dpop' ? badProof('invalid_token', detail) : badToken(detail);

async function look(
  text: string,
  issuer: TokenIssuer,
  last: KnownToken | undefined,
): Promise<KnownToken | undefined> {
  const token = last?.token ?? (await issuer.read(text));
  const scopes = token && (await token.scopesNow(text));
  return token && scopes && { token, caller: callerOf(token, scopes, last?.caller) };
}

/** Why a token is not good for this call; undefined where it is, as far as its text decides. */
function unusable(
  { facts }: AccessCall,
  { audiences, expiresAt, certificate }: IssuedToken,
  audience: string,
): string | undefined {
  if (expiresAt <= Date.now()) return EXPIRED;
  if (!audiences.includes(audience)) return NOT_FOR_API;
  if (certificate !== undefined && certificate !== certificateOf(facts)) return NEEDS_CERTIFICATE;
  return undefined;
}

const certificateOf = ({ certificate }: AccessCall['facts']): string | undefined =>
  certificate && hash('sha256', certificate.raw, 'base64url');

async function checkProof(
  call: AccessCall,
  text: string,
  { token, caller }: KnownToken,
  { origin, dpopProofs }: TenantRuntime,
): Promise<Problem | undefined> {
  const { method = '', url, headers } = call.request;
  const proof = headers['dpop'];
  if (token.jkt === undefined) return badProof('invalid_token', NOT_BOUND);
  if (typeof proof !== 'string') return badProof('invalid_dpop_proof', NO_PROOF);
  if (proof.length > LONGEST_PROOF) return badProof('invalid_dpop_proof', BAD_PROOF);
  const address = origin.origin + pathOf(url);
  const shown = await dpopProofs.check(proof, { method, url: address, token: text });
  if ('error' in shown) return badProof(shown.error, BAD_PROOF, shown.nonce);
  if (shown.thumbprint !== token.jkt) return badProof('invalid_token', BAD_PROOF);
  if (!(await dpopProofs.isNew(caller.clientId, shown.jti))) return badProof('invalid_dpop_proof', BAD_PROOF);
  if (shown.nonce !== undefined) call.response.setHeader('DPoP-Nonce', shown.nonce);
  call.caller = caller;
  return undefined;
}
