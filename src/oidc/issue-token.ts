import { BASIC, Failure, type Actor } from '../api/index.js';
import type { IssuedToken, IssueWish } from '../clients/index.js';
import type { Config } from '../config.js';
import { idAt } from '../kernel/ids.js';
import type { Revocations } from '../revocations/index.js';
import type { Tenant } from '../tenants/index.js';
import type { People } from '../users/index.js';
import type { Catalogue } from './catalogue.js';
import { claimsForApi } from './claims.js';
import { derivedIn, type Derived } from './derived-token.js';
import type { AccessTokenClaims } from './jwt-access-token.js';
import type { KeyRing } from './keys/index.js';

export type IssueToken = (actor: Actor, wish: IssueWish) => Promise<IssuedToken>;

export interface IssuerBase {
  config: Config;
  tenant: Tenant;
  keys: KeyRing;
  catalogue: Catalogue;
  people: People;
  revocations: Revocations;
}

/** Marks the token as derived, so that it is revoked with signing keys (keys/revocation.ts). */
const NOT_EXCHANGED: Derived = { origin: [] };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A JWT for who calls the management API: about the same subject, for the same audience, of the same grant and sign-in, so
 * that it is revoked together with them. One that is derived from an exchanged token keeps its actors and its sources, and
 * lives no longer. Its scopes have been compared with the caller's already.
 */
export const tokenIssuer =
  ({ config, tenant, keys, catalogue, people, revocations }: IssuerBase): IssueToken =>
  async (actor, { scope, lifetime, at }) => {
    if (!actor.token) throw new Error('only who comes with a token gets another');
    const { id, audience, grantId, sessionUid, expiresWithSession, derived } = actor.token;
    const { origin_token: tokens = [], ...sources } = derivedIn(derived) ?? NOT_EXCHANGED;
    const seen = await revocations.generationUnder(tenant.id, actor.token.kid);
    const api = catalogue.apiByAudience.get(audience);
    const user = actor.userKey === undefined ? undefined : await people.active(tenant.id, actor.userKey);
    const key = keys.signing.find(({ alg }) => alg === (api?.signingAlg ?? 'ES256'));
    if (seen === undefined || !key || !api || (actor.userKey !== undefined && !user))
      throw new Failure(401, BASIC.noPermission, {
        message: 'what the access token depends on has ended in the meantime; get a new token',
      });
    // The operation checks the caller's token after this, by that token's own generation. The new token is compared with the
    // revocations of derived tokens as well: those of before concern it only where they concern the caller's.
    const gen = derived ? Math.min(actor.token.generation, seen) : seen;
    const iat = Math.floor(at / 1000);
    const left = derived && actor.token.expiresAt !== undefined ? actor.token.expiresAt - iat : Infinity;
    const expiresIn = Math.min(lifetime, config.lifetimes.accessTokenLongest, left);
    const jti = idAt(at);
    const claims: AccessTokenClaims = {
      ...(user && claimsForApi(api, scope, user, await people.authority(tenant.id, user))),
      iss: tenant.issuer,
      sub: user?.userKey ?? actor.clientId,
      aud: audience,
      client_id: actor.clientId,
      scope: scope.join(' '),
      iat,
      exp: iat + expiresIn,
      jti,
      tenant: tenant.id,
      aid: api.id,
      ...sources,
      origin_token: [...tokens, id],
      gen,
      ...(grantId !== undefined && { gid: grantId, [expiresWithSession ? 'sid' : 'fid']: sessionUid }),
    };
    const data = `${encode({ alg: key.alg, typ: 'at+jwt', kid: key.kid })}.${encode(claims)}`;
    const signature = Buffer.from(await key.sign(Buffer.from(data))).toString('base64url');
    return { id: jti, accessToken: `${data}.${signature}`, audience, expiresAt: (iat + expiresIn) * 1000 };
  };
