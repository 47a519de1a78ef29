import { errors as joseErrors, jwtVerify, type JWTPayload } from 'jose';
import type { AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import { idAt, newId, timeOfId } from '../kernel/ids.js';
import { factsOf } from '../kernel/request.js';
import type { Issued } from '../revocations/index.js';
import type { KeyRing } from './keys/index.js';

/** The claims that JWT access tokens carry beside RFC 9068's. */
export interface AccessTokenClaims extends JWTPayload {
  sub: string;
  exp: number;
  iat: number;
  client_id: string;
  scope?: string;
  tenant: string;
  /** The grant that it hangs on; ending that ends the token. Absent from a client's own token. */
  gid?: string;
  /** The session that it ends with. */
  sid?: string;
  /** The sign-in that it came of, where it outlives the session. */
  fid?: string;
  cnf?: { jkt?: string; 'x5t#S256'?: string };
  /** Who acts for the subject (RFC 8693, 4.1), and the families that it came of by exchange. */
  act?: Record<string, unknown>;
  origin?: string[];
}

/** The tokens of one sign-in at one client: what ends together when one of them is used twice. */
export const familyOf = (grantId: string, sessionUid: string): string => `${grantId}.${sessionUid}`;

/** The grant's id in a family's name. */
export const grantIn = (family: string): string => family.slice(0, family.indexOf('.'));

/** When the request that runs now came in, in epoch milliseconds. */
export const requestStart = (ctx: { req: KoaContextWithOIDC['req'] } | undefined): number =>
  ctx ? factsOf(ctx.req).startedAt : Date.now();

/** Gives a JWT an id that says to the millisecond when its request began; `iat` has seconds, too coarse to compare with an end. */
export function stampJwt(ctx: KoaContextWithOIDC, _token: unknown, jwt: { payload: JWTPayload }): void {
  jwt.payload.jti = idAt(requestStart(ctx));
}

/**
 * Checks a JWT access token of ours: a known key with its own algorithm, `typ`, issuer and expiry.
 * Undefined for anything else. It may have been revoked all the same.
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
        algorithms: keys.algorithms,
        requiredClaims: ['sub', 'aud', 'iat', 'exp', 'jti', 'client_id', 'tenant'],
      },
    );
    return payload;
  } catch (error) {
    if (error instanceof joseErrors.JOSEError) return undefined;
    throw error;
  }
}

/** What the token's end depends on. */
export function issuedOf({ jti = newId(), iat, client_id, gid, sid, fid, sub }: AccessTokenClaims): Issued {
  const at = timeOfId(jti) ?? iat * 1000;
  if (gid === undefined) return { at, jti, clientId: client_id };
  return { at, jti, clientId: client_id, userKey: sub, family: familyOf(gid, sid ?? fid ?? '') };
}

/** A JWT as the library would have kept it, had it kept it. */
export function asStoredToken(jwt: string, claims: AccessTokenClaims): AdapterPayload {
  const { gid, sid, fid, cnf } = claims;
  return {
    jti: jwt,
    clientId: claims.client_id,
    scope: claims.scope ?? '',
    aud: claims.aud,
    iat: claims.iat,
    exp: claims.exp,
    ...((claims.act ?? claims.origin) && { extra: { act: claims.act, origin: claims.origin } }),
    ...(cnf?.jkt !== undefined && { jkt: cnf.jkt }),
    ...(cnf?.['x5t#S256'] !== undefined && { 'x5t#S256': cnf['x5t#S256'] }),
    ...(gid === undefined
      ? { kind: 'ClientCredentials' }
      : {
          kind: 'AccessToken',
          accountId: claims.sub,
          grantId: gid,
          sessionUid: sid ?? fid,
          expiresWithSession: sid !== undefined,
        }),
  };
}
