import type { TenantRuntime } from '../../oidc/index.js';

/** An access token whose issuer is known: of the tenant itself, or of another authorization server. */
export interface IssuedToken {
  audiences: readonly unknown[];
  subject: string;
  clientId: string;
  /** Set where a user of this tenant stands behind it. */
  userKey?: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  /** The thumbprint of the key that its holder must prove to have (RFC 9449, 6.1). */
  jkt?: string;
  /** The thumbprint of the certificate that its holder must have connected with (RFC 8705, 3.1). */
  certificate?: string;
  /** The scopes that it opens at this moment; undefined where it works no more. */
  scopesNow(this: void, text: string): Promise<readonly string[] | undefined>;
}

/** What reads the tokens of one issuer. */
export interface TokenIssuer {
  /** @returns undefined for anything but an access token of this issuer, unexpired. */
  read(this: void, text: string): Promise<IssuedToken | undefined>;
}

/** The tenant's own tokens. */
export const ownIssuer = ({ apiTokens }: Pick<TenantRuntime, 'apiTokens'>): TokenIssuer => ({
  async read(text) {
    const token = await apiTokens.read(text);
    if (!token) return undefined;
    const { audiences, clientId, userKey, expiresAt, jkt, certificate } = token;
    return {
      audiences,
      subject: userKey ?? clientId,
      clientId,
      expiresAt,
      ...(userKey !== undefined && { userKey }),
      ...(jkt !== undefined && { jkt }),
      ...(certificate !== undefined && { certificate }),
      scopesNow: (presented) => apiTokens.scopesNow(presented, token),
    };
  },
});
