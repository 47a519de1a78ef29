import type { X509Certificate } from 'node:crypto';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../config.js';
import { factsOf } from '../kernel/request.js';

type Features = NonNullable<Configuration['features']>;
type SubjectProperty =
  'tls_client_auth_subject_dn' | 'tls_client_auth_san_dns' | 'tls_client_auth_san_uri' | (string & {});

const certificateOf = (ctx: { req: KoaContextWithOIDC['req'] }): X509Certificate | undefined =>
  factsOf(ctx.req).certificate;

/**
 * Tokens that work only for who they were given to: DPoP (RFC 9449) and mutual TLS (RFC 8705). TLS ends at the proxy, so
 * the certificate is what a trusted proxy passed on (kernel/forwarded.ts).
 * @param nonceSecret 32 bytes, the same on every node and for good.
 */
export function senderConstraints(
  { mtls }: Pick<Config, 'mtls'>,
  nonceSecret: Buffer,
): Pick<Features, 'dPoP' | 'mTLS'> {
  return {
    dPoP: { enabled: true, nonceSecret },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: mtls.verifiedByProxy,
      getCertificate: (ctx) => certificateOf(ctx),
      certificateAuthorized: () => mtls.verifiedByProxy,
      certificateSubjectMatches: (ctx, property, expected) => {
        const certificate = certificateOf(ctx);
        return certificate !== undefined && subjectMatches(certificate, property, expected);
      },
    },
  };
}

/** Whether the certificate says what the client registered (RFC 8705, 2.1.2). */
export function subjectMatches(
  { subject, subjectAltName = '' }: Pick<X509Certificate, 'subject' | 'subjectAltName'>,
  property: SubjectProperty,
  expected: string,
): boolean {
  if (property === 'tls_client_auth_subject_dn') return sameName(subject, expected);
  const kind = property === 'tls_client_auth_san_dns' ? 'DNS' : 'URI';
  // A name that needs quoting (a comma, say) is quoted by Node, and then equals nothing that could be registered.
  return subjectAltName.split(', ').includes(`${kind}:${expected}`);
}

/**
 * Node writes a name a part a line, each escaped as in RFC 4514 but the most general first; there it comes last. Parts are
 * compared as text, so a name has to be registered as the certificate writes it.
 */
const sameName = (subject: string, expected: string): boolean =>
  subject.split('\n').reverse().join(',') === expected.replace(/(?<!\\),\s+/g, ',');
