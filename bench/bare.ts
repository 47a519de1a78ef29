import Provider from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

/**
 * The peer: oidc-provider as it comes, everything in memory, one client. `PORT` says where, `FORMAT` (jwt, opaque) what
 * access tokens are, `CHAINS` how many refresh tokens it makes at the start; it prints those as JSON when it is ready.
 */
const port = Number(process.env['PORT']);
const resource = 'urn:resource:bench';
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const rsa = await generateKeyPair('RS256', { extractable: true });
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'bench',
      client_secret: process.env['SECRET'],
      grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
      response_types: ['code'],
      redirect_uris: ['https://app.example.com/callback'],
    },
  ],
  jwks: { keys: [await exportJWK(privateKey), await exportJWK(rsa.privateKey)] },
  cookies: { keys: ['bench'] },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'bench.read',
        audience: 'bench',
        accessTokenTTL: 3600,
        accessTokenFormat: process.env['FORMAT'] as 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  ttl: { ClientCredentials: 3600, AccessToken: 3600, RefreshToken: 86_400, Grant: 86_400 },
});

const refreshTokens: string[] = [];
const client = (await provider.Client.find('bench')) as NonNullable<
  Awaited<ReturnType<typeof provider.Client.find>>
>;
for (let chain = 0; chain < Number(process.env['CHAINS'] ?? 0); chain++) {
  const grant = new provider.Grant({ accountId: 'alice', clientId: 'bench' });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, 'bench.read');
  const token = new provider.RefreshToken({
    accountId: 'alice',
    client,
    grantId: await grant.save(),
    gty: 'authorization_code',
    scope: 'offline_access bench.read',
    resource,
    rotations: 0,
  });
  refreshTokens.push(await token.save());
}
provider.listen(port, '127.0.0.1', () => console.log(`ready ${JSON.stringify(refreshTokens)}\n`));
process.on('SIGTERM', () => process.exit(0)); // so that a profile is written
