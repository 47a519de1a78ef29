import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { Tenant } from '../../tenants/index.js';
import type { LiveAuthServer } from '../types.js';
import type { IssuedToken, TokenIssuer } from './issued-token.js';
import type { KeySets } from './key-sets.js';

/** Asymmetric algorithms only: with a shared secret, a server that checks tokens could also issue them. */
const ALGORITHMS = [
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
];
/** Seconds by which the clocks of two servers may differ. */
const CLOCK_TOLERANCE = 5;
/** A signature is checked again after this time, so that a token ends with the key that signed it. */
const CHECKED_MS = 300_000;

/** RFC 9068's type, and what servers write that are older. */
const ACCESS_TOKEN_TYPES = new Set([undefined, 'at+jwt', 'application/at+jwt', 'jwt']);
/** Claims that only ID tokens and logout tokens have (OIDC Core, 2 and 3.3.2.11; OIDC Back-Channel Logout, 2.4). */
const NOT_OF_ACCESS_TOKENS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'];
/** What Keycloak writes into the claim `typ` of its access tokens. */
const OWN_TYPES = new Set<unknown>([undefined, 'Bearer', 'DPoP']);

interface Claims extends JWTPayload {
  scope?: unknown;
  scp?: unknown;
  typ?: unknown;
  client_id?: unknown;
  azp?: unknown;
  appid?: unknown;
  cid?: unknown;
  cnf?: unknown;
}

const isAccessToken = (type: string | undefined, claims: Claims): boolean =>
  ACCESS_TOKEN_TYPES.has(type?.toLowerCase()) &&
  OWN_TYPES.has(claims.typ) &&
  NOT_OF_ACCESS_TOKENS.every((name) => claims[name] === undefined);

/** Scopes in `scope` (RFC 9068) or `scp` (Microsoft, Okta), as text or as a list. */
function scopesIn({ scope, scp }: Claims): string[] {
  const lists = [scope, scp].flatMap((value) =>
    typeof value === 'string' ? value.split(' ') : (value ?? []),
  );
  return [...new Set(lists.filter((word): word is string => typeof word === 'string' && word !== ''))];
}

const textsIn = (...values: unknown[]): string[] =>
  values.filter((value): value is string => typeof value === 'string' && value !== '');

/** What a token is bound to; false where that is something which cannot be checked here. */
function bindingIn({ cnf }: Claims): Pick<IssuedToken, 'jkt' | 'certificate'> | false {
  if (cnf === undefined) return {};
  const { jkt, 'x5t#S256': certificate } = (cnf ?? {}) as Record<string, unknown>;
  const [key] = textsIn(jkt);
  const [thumbprint] = textsIn(certificate);
  if (key === undefined && thumbprint === undefined) return false;
  return {
    ...(key !== undefined && { jkt: key }),
    ...(thumbprint !== undefined && { certificate: thumbprint }),
  };
}

/**
 * The tokens of another authorization server: JWTs that one of its published keys has signed. No user of the tenant stands
 * behind them, whatever their subject is called.
 */
export function otherIssuer(sets: KeySets, tenant: Tenant, server: LiveAuthServer): TokenIssuer {
  async function verified(text: string): Promise<Claims | undefined> {
    try {
      return await sets.use(tenant, server.jwksUri, async (keys) => {
        const { payload, protectedHeader } = await jwtVerify<Claims>(text, keys, {
          issuer: server.issuer,
          audience: server.audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE,
          requiredClaims: ['exp', 'sub'],
        });
        return isAccessToken(protectedHeader.typ, payload) ? payload : undefined;
      });
    } catch (error) {
      // A key or a signature of a form that no algorithm takes comes as a TypeError or a DOMException.
      const isTokens = error instanceof errors.JOSEError || error instanceof TypeError;
      if (isTokens || error instanceof DOMException) return undefined;
      throw error;
    }
  }

  return {
    async read(text) {
      if (!text.includes('.')) return undefined;
      const claims = await verified(text);
      const bound = claims && bindingIn(claims);
      if (!claims || !bound) return undefined;
      const { sub: subject = '', aud, exp = 0, client_id: clientId, azp, appid, cid } = claims;
      const scopes = scopesIn(claims);
      let checkedAt = performance.now();
      return {
        ...bound,
        audiences: [aud].flat(),
        subject,
        clientId: textsIn(clientId, azp, appid, cid)[0] ?? subject,
        expiresAt: (exp + CLOCK_TOLERANCE) * 1000,
        async scopesNow(presented) {
          if (performance.now() - checkedAt > CHECKED_MS) {
            if (!(await verified(presented))) return undefined;
            checkedAt = performance.now();
          }
          return scopes;
        },
      };
    },
  };
}
