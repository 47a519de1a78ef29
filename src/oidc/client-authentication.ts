import { createHash } from 'node:crypto';
import Provider, {
  errors,
  type AdapterPayload,
  type Client as OidcClient,
  type Configuration,
  type KoaContextWithOIDC,
} from './library/index.js';
import { GRANT_TYPES } from '../clients/index.js';
import { matchesSecret } from '../secrets/index.js';
import { rateHeaders, type Limits, type Refusal } from '../limits/index.js';
import type { Vault } from '../store/index.js';
import type { Revocations } from '../revocations/index.js';
import type { Artifacts } from './artifacts.js';
import type { ClientCache, LibraryClient } from './client-cache.js';
import { followKeys, type FetchedKeysCache } from './client-keys.js';
import { clientMetadata } from './client-metadata.js';
import type { GenerationOf } from './generation.js';

/** What clients sign with: assertions (RFC 7523) and request objects (RFC 9101). Nothing symmetric: secrets are hashed. */
export const CLIENT_SIGNING_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA'] as const;

/** RFC 9700, 2.5 and the update to RFC 7523: an assertion is for this provider, whichever of its endpoints it comes to. */
export const assertAudience =
  (
    issuer: string,
    counted: (ctx: KoaContextWithOIDC, clientId: string) => void,
  ): NonNullable<Configuration['assertJwtClientAuthClaimsAndHeader']> =>
  (ctx, { aud }, _header, { clientId }) => {
    const [only, ...more] = Array.isArray(aud) ? aud : [aud];
    if (only !== issuer || more.length > 0)
      throw new errors.InvalidClientAuth('aud (JWT audience) must be the issuer and nothing else');
    counted(ctx, clientId);
  };

/** Counts a request of a client that has proved who it is. @throws an error of the protocol's shape, with 429 */
export function countClient(
  ctx: KoaContextWithOIDC,
  limits: Limits,
  tenantId: string,
  clientId: string,
): void {
  const refusal = limits.byClient(
    ctx.oidc.route === 'introspection' ? 'introspection' : 'token',
    tenantId,
    clientId,
  );
  if (refusal) throw tooManyRequests(ctx, refusal);
}

/** A refusal as an error of the protocol's shape, with when to come again in the headers. */
export function tooManyRequests(ctx: KoaContextWithOIDC, refusal: Refusal): Error {
  ctx.set(rateHeaders(refusal));
  const what = `too many requests of this ${refusal.dimension}`;
  return Object.assign(new errors.CustomOIDCProviderError('too_many_requests', what), {
    status: 429,
    statusCode: 429,
  });
}

export interface SecureClientsBase {
  tenantId: string;
  vault: Vault;
  artifacts: Artifacts;
  clients: ClientCache;
  fetchedKeys: FetchedKeysCache;
  limits: Limits;
  revocations: Revocations;
  generation: GenerationOf;
}

/** Grants by which a client gets a token of somebody else, without a code or a token that was issued to it. */
const OF_OTHERS = new Set<unknown>([GRANT_TYPES.password, GRANT_TYPES.mobileCode, GRANT_TYPES.tokenExchange]);

/**
 * Reads the counter of revocations before the client is looked up. What the request issues carries it, and so ends by any later
 * revocation. A client that has ended since this node loaded it is loaded again, because its secret may have been removed.
 */
async function beginAsClient(
  clientId: string,
  { tenantId, clients, revocations, generation }: SecureClientsBase,
): Promise<void> {
  const ctx = Provider.ctx;
  if (ctx?.oidc.route !== 'token' || !OF_OTHERS.has(ctx.oidc.params?.['grant_type'])) return;
  const seen = await generation(ctx, 'AccessToken');
  await clients.renew(clientId, seen, (loaded) => revocations.clientEndedSince(tenantId, clientId, loaded));
}

/** The library's class as its own search uses it (its helpers/add_client.js): it checks the metadata. */
type ClientClass = new (metadata: AdapterPayload) => OidcClient;

/** Puts what is kept hashed, and what may be used once, in the place of the library's own ways. */
export function secureClients(provider: Provider, base: SecureClientsBase): void {
  const { tenantId, vault, artifacts, clients, fetchedKeys, limits } = base;
  provider.Client.prototype.compareClientSecret = function compareClientSecret(
    this: LibraryClient,
    presented: string,
  ) {
    const matches = matchesSecret(vault, clients.known(this).secrets, presented, Date.now());
    const ctx = Provider.ctx;
    if (matches && ctx) countClient(ctx, limits, tenantId, this.clientId);
    return matches;
  };
  // Session ids in every ID token: a hint at sign-out is worth something only for the session that it came of.
  provider.Client.prototype.includeSid = () => true;
  const Client = provider.Client as unknown as ClientClass;
  clients.replaceFind(provider.Client, {
    begin: (clientId) => beginAsClient(clientId, base),
    make(client) {
      const made = new Client(clientMetadata(client));
      const { id, settings } = client;
      const { jwksUri } = settings;
      if (jwksUri !== undefined) followKeys(made, fetchedKeys.of(tenantId, { id, jwksUri }));
      return made;
    },
  });
  // The library looks and then writes; between the two a copy gets through.
  provider.ReplayDetection.unique = (issuer, jti, exp) =>
    artifacts.once(
      tenantId,
      'ReplayDetection',
      createHash('sha256').update(`${issuer}\n${jti}`).digest('base64url'),
      exp * 1000,
    );
}
