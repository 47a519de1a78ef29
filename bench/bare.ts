import Provider from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

/**
 * The peer: oidc-provider as it comes, everything in memory, one client. `PORT` says where, `FORMAT` (jwt, opaque) what
 * access tokens are.
 */
const port = Number(process.env['PORT']);
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const rsa = await generateKeyPair('RS256', { extractable: true });
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'bench',
      client_secret: process.env['SECRET'],
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  jwks: { keys: [await exportJWK(privateKey), await exportJWK(rsa.privateKey)] },
  cookies: { keys: ['bench'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:resource:bench',
      getResourceServerInfo: () => ({
        scope: 'bench.read',
        audience: 'bench',
        accessTokenTTL: 3600,
        accessTokenFormat: process.env['FORMAT'] as 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  ttl: { ClientCredentials: 3600 },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0)); // so that a profile is written
