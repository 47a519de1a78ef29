import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { temporaryFolder } from './config.js';

/** A self-signed certificate with its key in PEM, made by openssl. */
export function newServerCertificate(subject: string, alternative: string): { cert: Buffer; key: Buffer } {
  const folder = temporaryFolder();
  const out = join(folder, 'cert.pem');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-keyout', join(folder, 'key.pem'), '-out', out, '-subj', subject],
      ...['-addext', `subjectAltName=${alternative}`],
    ],
    { stdio: 'ignore' },
  );
  return { cert: readFileSync(out), key: readFileSync(join(folder, 'key.pem')) };
}

/** A self-signed certificate. */
export const newCertificate = (subject: string, alternative: string): X509Certificate =>
  new X509Certificate(newServerCertificate(subject, alternative).cert);

/** The header that RFC 9440 has a proxy pass it on in. */
export const clientCert = (certificate: X509Certificate): Record<string, string> => ({
  'client-cert': `:${certificate.raw.toString('base64')}:`,
});
