import { createHash } from 'node:crypto';
import { errors, type Configuration, type Provider } from 'oidc-provider';
import { matchesSecret } from '../clients/index.js';
import type { Vault } from '../store/index.js';
import type { Artifacts } from './artifacts.js';
import type { ClientCache } from './client-cache.js';

/** What clients sign with: assertions (RFC 7523) and request objects (RFC 9101). Nothing symmetric: secrets are hashed. */
export const CLIENT_SIGNING_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA'] as const;

/** RFC 9700, 2.5 and the update to RFC 7523: an assertion is for this provider, whichever of its endpoints it comes to. */
export const assertAudience =
  (issuer: string): NonNullable<Configuration['assertJwtClientAuthClaimsAndHeader']> =>
  (_ctx, { aud }) => {
    const [only, ...more] = Array.isArray(aud) ? aud : [aud];
    if (only !== issuer || more.length > 0)
      throw new errors.InvalidClientAuth('aud (JWT audience) must be the issuer and nothing else');
  };

/** Puts what is kept hashed, and what may be used once, in the place of the library's own ways. */
export function secureClients(
  provider: Provider,
  {
    tenantId,
    vault,
    artifacts,
    clients,
  }: { tenantId: string; vault: Vault; artifacts: Artifacts; clients: ClientCache },
): void {
  provider.Client.prototype.compareClientSecret = function compareClientSecret(
    this: { clientId: string },
    presented: string,
  ) {
    return matchesSecret(vault, clients.known(this.clientId).secrets, presented, Date.now());
  };
  // Session ids in every ID token: a hint at sign-out is worth something only for the session that it came of.
  provider.Client.prototype.includeSid = () => true;
  clients.keepValidated(provider.Client);
  // The library looks and then writes; between the two a copy gets through.
  provider.ReplayDetection.unique = (issuer, jti, exp) =>
    artifacts.once(
      tenantId,
      'ReplayDetection',
      createHash('sha256').update(`${issuer}\n${jti}`).digest('base64url'),
      exp * 1000,
    );
}
