import { errors as joseErrors, jwtVerify, type JWTPayload } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { KeyRing } from './keys.js';

/** The claims that JWT access tokens of users carry beside RFC 9068's. */
export interface AccessTokenClaims extends JWTPayload {
  client_id: string;
  scope?: string;
  tenant: string;
  /** The grant that it hangs on; ending that ends the token. Absent from a client's own token. */
  gid?: string;
}

/**
 * Checks a JWT access token of ours: a known key with its own algorithm, `typ`, issuer and expiry.
 * Undefined for anything else.
 */
export async function verifyAccessToken(
  keys: KeyRing,
  issuer: string,
  jwt: string,
): Promise<AccessTokenClaims | undefined> {
  try {
    const { payload } = await jwtVerify<AccessTokenClaims>(
      jwt,
      ({ kid, alg }) => {
        const known = keys.verifying.get(kid ?? '');
        if (!known || known.alg !== alg) throw new joseErrors.JWKSNoMatchingKey();
        return known.key;
      },
      {
        issuer,
        typ: 'at+jwt',
        algorithms: ['ES256', 'RS256'],
        requiredClaims: ['sub', 'exp', 'client_id', 'tenant'],
      },
    );
    return payload;
  } catch (error) {
    if (error instanceof joseErrors.JOSEError) return undefined;
    throw error;
  }
}

/** A user's JWT as the library would have kept it, had it kept it. A client's own token stands for nobody. */
export function asStoredToken(jwt: string, claims: AccessTokenClaims): AdapterPayload | undefined {
  if (claims.gid === undefined) return undefined;
  return {
    kind: 'AccessToken',
    jti: jwt,
    accountId: claims.sub as string,
    clientId: claims.client_id,
    grantId: claims.gid,
    scope: claims.scope ?? '',
    aud: claims.aud as string,
    iat: claims.iat as number,
    exp: claims.exp as number,
  };
}
