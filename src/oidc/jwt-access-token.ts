import { decodeProtectedHeader, errors as joseErrors, jwtVerify, type JWTPayload } from 'jose';
import type { AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import { idAt, newId, timeOfId } from '../kernel/ids.js';
import { factsOf } from '../kernel/request.js';
import type { Issued } from '../revocations/index.js';
import { derivedIn, familyOf, type Derived } from './derived-token.js';
import type { GenerationOf } from './generation.js';
import type { KeyRing } from './keys/index.js';

/** The claims that JWT access tokens carry beside RFC 9068's. */
export interface AccessTokenClaims extends JWTPayload {
  sub: string;
  exp: number;
  iat: number;
  client_id: string;
  scope?: string;
  tenant: string;
  /** The id of the API that it is for, of which another may get the audience; older tokens have none. */
  aid?: string;
  /** The grant that it hangs on; ending that ends the token. Absent from a client's own token. */
  gid?: string;
  /** The session that it ends with. */
  sid?: string;
  /** The sign-in that it came of, where it outlives the session. */
  fid?: string;
  cnf?: { jkt?: string; 'x5t#S256'?: string };
  /** What it was derived from (derived-token.ts). */
  act?: Record<string, unknown> | undefined;
  origin?: string[] | undefined;
  origin_session?: string[] | undefined;
  origin_actor?: string[] | undefined;
  origin_token?: string[] | undefined;
  /** The revocations that its request had seen (src/revocations); older tokens have none. */
  gen?: number;
}

/** When the request that runs now came in, in epoch milliseconds. */
export const requestStart = (ctx: { req: KoaContextWithOIDC['req'] } | undefined): number =>
  ctx ? factsOf(ctx.req).startedAt : Date.now();

/** Gives a JWT its id, and the generation that its revocation is compared with. */
export const jwtStamp =
  (generationOf: GenerationOf) =>
  async (
    ctx: KoaContextWithOIDC,
    { kind }: { kind: string },
    jwt: { payload: JWTPayload },
  ): Promise<void> => {
    jwt.payload.jti = idAt(requestStart(ctx));
    jwt.payload['gen'] = await generationOf(ctx, kind);
  };

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
    return isOurs(payload) ? payload : undefined;
  } catch (error) {
    if (error instanceof joseErrors.JOSEError) return undefined;
    throw error;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

/** What the claims look like that the checks of revocations, and of what a token was derived from, compare. */
const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  ...{ sub: isText, client_id: isText, jti: isText, aid: isText, gid: isText, sid: isText, fid: isText },
  ...{ origin: isTexts, origin_session: isTexts, origin_actor: isTexts, origin_token: isTexts },
  gen: Number.isSafeInteger,
};

/** Whether the claims are such as this program writes. Somebody with a stolen key can write others. */
const isOurs = (claims: JWTPayload): boolean =>
  Object.entries(SHAPES).every(([name, fits]) => claims[name] === undefined || fits(claims[name]));

/** The key that signed a token; undefined for one that is no JWT. */
export const kidOf = (token: string): string | undefined =>
  token.includes('.') ? decodeProtectedHeader(token).kid : undefined;

/** The generation of a token. Older tokens have the time instead: the counter is never behind it (migrations/0027). */
export const generationIn = ({ gen, jti = '', iat = 0 }: TokenDependencies): number =>
  gen ?? (timeOfId(jti) ?? iat * 1000) - 1;

type Dependency = 'aud' | 'aid' | 'jti' | 'iat' | 'gen' | 'gid' | 'sid' | 'fid' | 'act' | keyof Derived;

/** The claims that tell what a token depends on. */
export type TokenDependencies = Pick<AccessTokenClaims, 'client_id' | 'sub'> & {
  [claim in Dependency]?: AccessTokenClaims[claim] | undefined;
} & {
  /** The user name that it is used under, where it is good under that only while the user has it. */
  user_name?: string | undefined;
};

export function dependenciesOf(claims: AccessTokenClaims): TokenDependencies {
  const { client_id, sub, aud, aid, jti, gid, sid, fid } = claims;
  return { client_id, sub, aud, aid, jti, gen: generationIn(claims), gid, sid, fid, ...derivedIn(claims) };
}

/** What the token's end depends on. */
export function issuedOf(claims: TokenDependencies): Issued {
  const { jti = newId(), client_id: clientId, gid, sid, fid, sub } = claims;
  const generation = generationIn(claims);
  if (gid === undefined) return { generation, jti, clientId };
  return { generation, jti, clientId, userKey: sub, family: familyOf(gid, sid ?? fid ?? '') };
}

/** A JWT as the library would have kept it, had it kept it. */
export function asStoredToken(jwt: string, claims: AccessTokenClaims): AdapterPayload {
  const { gid, sid, fid, cnf } = claims;
  const derived = derivedIn(claims);
  return {
    jti: jwt,
    clientId: claims.client_id,
    scope: claims.scope ?? '',
    aud: claims.aud,
    iat: claims.iat,
    exp: claims.exp,
    ...(derived && { extra: { ...derived } }),
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
