import type { Revocations } from '../revocations/index.js';
import { liveAccessToken, type IntrospectionBase } from './introspection.js';
import {
  asStoredToken,
  dependenciesOf,
  kidOf,
  verifyAccessToken,
  type TokenDependencies,
} from './jwt-access-token.js';
import type { ClientCache } from './client-cache.js';
import type { KeyRing } from './keys/index.js';
import type { Provider } from './library/index.js';
import type { Holder, TokenPolicy } from './token-policy.js';

/** An access token of the tenant, JWT or opaque, that is presented to one of its APIs. */
export interface ApiToken {
  /** The values of `aud`. */
  audiences: readonly unknown[];
  clientId: string;
  /** The key of the user; undefined for a token that a client has for itself. */
  userKey: string | undefined;
  /** Epoch milliseconds. */
  expiresAt: number;
  /** The thumbprint of the key that its holder must prove to have (RFC 9449, 6.1). */
  jkt: string | undefined;
  /** The thumbprint of the certificate that its holder must have connected with (RFC 8705, 3.1). */
  certificate: string | undefined;
  /** What is asked of a JWT again at each use. An opaque token is read again instead. */
  dependencies: TokenDependencies | undefined;
  holder: Holder;
}

/** How an API in front of which this server stands checks the tokens of its tenant. */
export interface ApiTokens {
  /**
   * Reads a token and checks all that cannot change: the signature, issuer, type and expiry of a JWT. It does not check that
   * the holder has the key that the token is bound to.
   * @returns undefined for anything but an access token of this tenant.
   */
  read(text: string): Promise<ApiToken | undefined>;
  /**
   * The scopes that a token opens at this moment. Its expiry is for the caller to check.
   * @returns undefined where the token, or something that it depends on, was revoked or has ended.
   */
  scopesNow(text: string, token: ApiToken): Promise<readonly string[] | undefined>;
}

export interface ApiTokensBase extends Pick<IntrospectionBase, 'artifacts' | 'catalogue'> {
  tenantId: string;
  issuer: string;
  provider: Provider;
  keys: KeyRing;
  clients: Pick<ClientCache, 'get'>;
  revocations: Pick<Revocations, 'generationUnder'>;
  policy: Pick<TokenPolicy, 'isActive' | 'scopesNow' | 'stillLive' | 'stillReaches'>;
}

export function apiTokens(base: ApiTokensBase): ApiTokens {
  const { tenantId, issuer, provider, keys, clients, revocations, policy } = base;

  async function readJwt(text: string): Promise<ApiToken | undefined> {
    const claims = await verifyAccessToken(keys, issuer, text);
    const seen = claims && (await revocations.generationUnder(tenantId, kidOf(text)));
    if (!claims || seen === undefined) return undefined;
    const {
      clientId = '',
      accountId,
      scope,
      extra,
      jkt,
      'x5t#S256': certificate,
    } = asStoredToken(text, claims);
    const dependencies = dependenciesOf(claims);
    return {
      audiences: [claims.aud].flat(),
      clientId,
      userKey: accountId,
      expiresAt: claims.exp * 1000,
      jkt,
      certificate,
      // A generation above the tenant's own was written with a stolen key, and no revocation would reach it.
      dependencies: { ...dependencies, gen: Math.min(dependencies.gen ?? seen, seen) },
      holder: { clientId, accountId, scope, extra },
    };
  }

  async function readOpaque(text: string): Promise<ApiToken | undefined> {
    // The user is looked up below, for tokens of both kinds.
    const token = await liveAccessToken(provider, text, { ...base, isActive: async () => true });
    if (token?.clientId === undefined || token.exp === undefined) return undefined;
    const { clientId, accountId, scope, extra, aud, exp, jkt, 'x5t#S256': certificate } = token;
    return {
      audiences: [aud].flat(),
      clientId,
      userKey: accountId,
      expiresAt: exp * 1000,
      jkt,
      certificate,
      dependencies: undefined,
      holder: { clientId, accountId, scope, extra },
    };
  }

  async function opaqueLives(text: string): Promise<boolean> {
    const token = await readOpaque(text);
    if (!token || !(await clients.get(token.clientId))) return false;
    const { clientId, userKey, audiences, holder } = token;
    const aid = (holder.extra as { aid?: string } | undefined)?.aid;
    const aud = audiences[0] as string | undefined;
    return (
      (userKey === undefined || (await policy.isActive(userKey))) &&
      (await policy.stillReaches({ client_id: clientId, sub: userKey ?? clientId, aud, aid }))
    );
  }

  return {
    read: (text) => (text.includes('.') ? readJwt(text) : readOpaque(text)),
    async scopesNow(text, { dependencies, holder }) {
      const lives = dependencies ? await policy.stillLive(dependencies) : await opaqueLives(text);
      return lives ? policy.scopesNow(holder) : undefined;
    },
  };
}
