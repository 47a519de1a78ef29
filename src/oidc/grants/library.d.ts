/** What the library's own grants are made with. It is not exported, so it is typed, and met, here and in sender.ts alone. */
declare module 'oidc-provider/lib/helpers/grants.js' {
  import type { X509Certificate } from 'node:crypto';
  import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

  interface DpopProof {
    thumbprint: string;
    jti: string;
  }
  /** The proof of the request, undefined when there is none. @throws InvalidDpopProof, UseDpopNonce */
  export function validateDpop(provider: Provider, ctx: KoaContextWithOIDC): Promise<DpopProof | undefined>;
  /** @throws InvalidGrant when the proof was used before. */
  export function checkDpopReplay(
    provider: Provider,
    ctx: KoaContextWithOIDC,
    proof: DpopProof | undefined,
    clientId: string,
  ): Promise<void>;
  /** @throws InvalidGrant when the client has to send a proof and has not. */
  export function checkDpopRequired(
    provider: Provider,
    ctx: KoaContextWithOIDC,
    proof: DpopProof | undefined,
  ): void;
  /** The certificate that the client's tokens are to be bound to. @throws InvalidGrant when it is missing. */
  export function checkMtlsCert(provider: Provider, ctx: KoaContextWithOIDC): X509Certificate | undefined;
}
