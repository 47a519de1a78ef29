import type { AccessToken, KoaContextWithOIDC, Provider, RefreshToken } from 'oidc-provider';
import {
  checkDpopReplay,
  checkDpopRequired,
  checkMtlsCert,
  validateDpop,
} from 'oidc-provider/lib/helpers/grants.js';

/** What the request proved to hold: a DPoP key, a certificate, or nothing. */
export interface Sender {
  constrained: boolean;
  /** Binds a token to it. */
  bind(token: AccessToken): void;
  /** Binds a public client's refresh token as well; a confidential one proves itself at every refresh (RFC 9449, 5). */
  bindRefresh(token: RefreshToken, from: AccessToken): void;
}

/** Checks the proofs of a request to a grant of our own, as the library does for its own grants. @throws the protocol's errors */
export async function senderOf(provider: Provider, ctx: KoaContextWithOIDC): Promise<Sender> {
  const client = ctx.oidc.client as NonNullable<typeof ctx.oidc.client>;
  const proof = await validateDpop(provider, ctx);
  checkDpopRequired(provider, ctx, proof);
  const certificate = checkMtlsCert(provider, ctx);
  await checkDpopReplay(provider, ctx, proof, client.clientId);
  return {
    constrained: proof !== undefined || certificate !== undefined,
    bind(token) {
      if (certificate) token.setThumbprint('x5t', certificate);
      if (proof) token.setThumbprint('jkt', proof.thumbprint);
    },
    bindRefresh(token, from) {
      if (client.clientAuthMethod !== 'none') return;
      if (from.jkt !== undefined) token.jkt = from.jkt;
      if (from['x5t#S256'] !== undefined) token['x5t#S256'] = from['x5t#S256'];
    },
  };
}
