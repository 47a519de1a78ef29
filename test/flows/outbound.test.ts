import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { clientSettings, GRANT_TYPES, insertClient } from '../../src/clients/index.js';
import { writeSettings } from '../../src/messaging/settings.js';
import { BACK_CHANNEL_LOGOUT } from '../../src/oidc/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { bodyOf, send, type Heard } from '../support/http.js';
import { call, clientToken } from '../support/management.js';
import { RESERVED, startServer, type TestServer } from '../support/server.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

for (const kind of STORES)
  describe(`what a caller’s data makes the server connect to, on ${kind}`, () => {
    let server: TestServer;
    let tenant: Tenant;
    let token: string;
    let inside: Server;
    let port: number;
    let connections = 0;
    let made = 0;
    let privateKey: CryptoKey;

    before(async () => {
      server = await startServer(kind);
      tenant = await server.addTenant('public', `id.public.example:${server.port}`);
      await server.refresh();
      token = await clientToken(server, ['isms.all'], tenant);
      inside = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
      port = (inside.address() as AddressInfo).port;
      ({ privateKey } = await generateKeyPair('ES256'));
    });
    beforeEach(() => (connections = 0));
    after(async () => {
      inside.close();
      await server.stop();
    });

    const assertion = (clientId: string, issuer: string): Promise<string> =>
      new SignJWT({ jti: `assertion-${++made}` })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(issuer)
        .setExpirationTime('1 minute')
        .sign(privateKey);
    const tokenFor = async (clientId: string, at: Tenant): Promise<Heard> =>
      send(new URL('/connect/token', server.issuer), {
        form: {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await assertion(clientId, at.issuer),
        },
        headers: { host: new URL(at.issuer).host },
      });
    const addSigner = async (jwksUri: string, at: Tenant = tenant): Promise<string> => {
      const clientId = `signer-${++made}`;
      await server.addClient(
        clientId,
        {
          grantTypes: [GRANT_TYPES.clientCredentials],
          scopes: ['isms.role.get'],
          tokenEndpointAuthMethod: 'private_key_jwt',
          jwksUri,
        },
        at,
      );
      return clientId;
    };

    /** A client whose keys are at an address that was stored before addresses had to look like where they lead. */
    const addOldSigner = async (jwksUri: string): Promise<string> => {
      const stored = 'https://keys.example.com/jwks';
      const clientId = await addSigner(stored);
      await server.change(async (db) => {
        const row = () => db.from('clients').where({ client_id: clientId });
        const { settings } = (await row().first<{ settings: string } | undefined>('settings')) ?? {
          settings: '',
        };
        await row().update({ settings: settings.replace(stored, jwksUri) });
      }, tenant);
      return clientId;
    };

    for (const host of [
      'localhost',
      '127.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '2130706433',
      '0x7f.1',
      '0',
      '127.1',
    ])
      it(`is not this machine for keys of a client at https://${host} [SEC-R27]`, async () => {
        const heard = await tokenFor(await addOldSigner(`https://${host}:${port}/jwks`), tenant);
        assert.equal(heard.status, 401);
        assert.equal(connections, 0);
      });

    it('is not this machine for logout tokens [SEC-R27]', async () => {
      await server.change(
        (db) =>
          insertClient(
            db,
            {
              clientId: 'listener',
              clientName: 'Listener',
              settings: clientSettings({
                grantTypes: [GRANT_TYPES.code],
                redirectUris: ['https://app.example.com/cb'],
                backchannelLogoutUri: `https://localhost:${port}/logout`,
              }),
            },
            RESERVED,
          ),
        tenant,
      );
      await server.outbox.add(tenant.id, BACK_CHANNEL_LOGOUT, { clientId: 'listener', sub: 's', sid: 's' });
      await server.outbox.deliver();
      const row = await server.context.store
        .knex('outbox')
        .where({ tenant_id: tenant.id })
        .first<{ attempts: number } | undefined>();
      assert.ok(row, 'it waits for another try');
      assert.equal(connections, 0);
    });

    it('is not this machine for messages of a tenant that is not the operator’s own [SEC-R27]', async () => {
      const { vault } = server.context;
      await server.change(async (db) => {
        await writeSettings(db, vault, 'sms', {
          driver: 'webhook',
          url: `https://localhost:${port}/`,
          secret: SECRET,
        });
        await writeSettings(db, vault, 'mail', {
          driver: 'smtp',
          host: 'localhost',
          port,
          security: 'none',
          from: 'a@example.com',
        });
      }, tenant);
      for (const [channel, to] of [
        ['sms', '+8613800138000'],
        ['mail', 'you@example.com'],
      ]) {
        const answer = await call(server, {
          method: 'POST',
          path: '/api/Messaging/Test',
          json: { channel, to },
          token,
          tenant,
        });
        assert.equal(answer.status, 502);
        assert.match(String(answer.body['message']), /private network/);
      }
      assert.equal(connections, 0);
    });

    it('is refused when it is written: of clients, registrations and messages [SEC-R27]', async () => {
      const refused = async (method: string, path: string, json: object, field: string): Promise<void> => {
        const answer = await call(server, { method, path, json, token, tenant });
        assert.equal(answer.status, 422, path);
        assert.match(String(answer.body['message']), new RegExp(`^${field}: .*outbound\\.allow`));
      };
      const signer = { grantTypes: ['client_credentials'], tokenEndpointAuthMethod: 'private_key_jwt' };
      await refused('POST', '/api/Client', { ...signer, jwksUri: 'https://10.0.0.1/jwks' }, 'jwksUri');
      const { data } = await call(server, {
        method: 'POST',
        path: '/api/Client',
        json: { ...signer, jwksUri: 'https://keys.example.com/jwks' },
        token,
        tenant,
      });
      const { id } = data as { id: string };
      await refused('PUT', '/api/Client', { id, jwksUri: 'https://[::ffff:7f00:1]/jwks' }, 'jwksUri');
      await refused(
        'PUT',
        '/api/Client',
        { id, backchannelLogoutUri: 'http://localhost:9/out' },
        'backchannelLogoutUri',
      );
      await refused(
        'PUT',
        '/api/Messaging/Sms',
        { driver: 'webhook', url: 'https://192.168.0.1/', secret: SECRET },
        'url',
      );
      await refused(
        'PUT',
        '/api/Messaging/Mail',
        { driver: 'smtp', host: '10.0.0.1', port: 25, from: 'a@example.com' },
        'host',
      );
      const initial = await call(server, {
        method: 'POST',
        path: '/api/Client/RegistrationTokens',
        json: {},
        token,
        tenant,
      });
      const registration = await send(new URL('/connect/register', server.issuer), {
        method: 'POST',
        body: JSON.stringify({
          redirect_uris: ['https://app.example.com/cb'],
          token_endpoint_auth_method: 'private_key_jwt',
          jwks_uri: 'https://169.254.169.254/jwks',
        }),
        headers: {
          host: new URL(tenant.issuer).host,
          'content-type': 'application/json',
          authorization: `Bearer ${String(initial.data['token'])}`,
        },
      });
      assert.equal(registration.status, 400);
      assert.match(String(bodyOf(registration)['error_description']), /^jwks_uri: .*private network/);
    });

    it('stays as it was on a client that had it before, so that other settings can be changed', async () => {
      const clientId = await addSigner('https://10.0.0.1/jwks');
      const found = await call(server, { path: `/api/Client?q.clientId=${clientId}`, token, tenant });
      const [{ id }] = found.body['data'] as [{ id: string }];
      const answer = await call(server, {
        method: 'PUT',
        path: '/api/Client',
        json: { id, description: 'Changed' },
        token,
        tenant,
      });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    });

    it('may be this machine for a tenant that is on it, for development', async () => {
      const { publicKey, privateKey: own } = await generateKeyPair('ES256');
      privateKey = own;
      const keys = createHttpServer(
        (_request, response) =>
          void exportJWK(publicKey).then((jwk) => response.end(JSON.stringify({ keys: [jwk] }))),
      );
      await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
      const home = server.home.tenant;
      const uri = `http://localhost:${(keys.address() as AddressInfo).port}/jwks`;
      const admin: Caller = await administrator(server);
      await admin.done('POST', '/api/Client', {
        clientId: 'local-signer',
        grantTypes: ['client_credentials'],
        scopes: ['isms.role.get'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwksUri: uri,
      });
      assert.equal((await tokenFor('local-signer', home)).status, 200);
      keys.close();
    });
  });

describe('outbound.allow', () => {
  let server: TestServer;
  let tenant: Tenant;
  let token: string;
  let inside: Server;
  let port: number;
  let connections = 0;

  before(async () => {
    inside = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    ({ port } = inside.address() as AddressInfo);
    const entries = `public@127.0.0.1:${port},127.0.0.2,other@127.0.0.3`;
    server = await startServer('sqlite', { GATEHOUSE_OUTBOUND_ALLOW: entries });
    tenant = await server.addTenant('public', `id.public.example:${server.port}`);
    await server.refresh();
    token = await clientToken(server, ['isms.all'], tenant);
  });
  beforeEach(() => (connections = 0));
  after(async () => {
    inside.close();
    await server.stop();
  });

  const add = (clientId: string, jwksUri: string) =>
    call(server, {
      method: 'POST',
      path: '/api/Client',
      json: {
        clientId,
        grantTypes: ['client_credentials'],
        scopes: ['isms.role.get'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwksUri,
      },
      token,
      tenant,
    });

  it('lets a tenant reach what the operator opens for it', async () => {
    const made = await add('signer', `https://127.0.0.1:${port}/jwks`);
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const { privateKey } = await generateKeyPair('ES256');
    const assertion = await new SignJWT({ jti: 'one' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('signer')
      .setSubject('signer')
      .setAudience(tenant.issuer)
      .setExpirationTime('1 minute')
      .sign(privateKey);
    await send(new URL('/connect/token', server.issuer), {
      form: {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      },
      headers: { host: new URL(tenant.issuer).host },
    });
    assert.equal(connections, 1);
  });

  it('opens a port for mail of a tenant', async () => {
    const write = (ofMail: number) =>
      call(server, {
        method: 'PUT',
        path: '/api/Messaging/Mail',
        json: { driver: 'smtp', host: '127.0.0.1', port: ofMail, security: 'none', from: 'a@example.com' },
        token,
        tenant,
      });
    assert.equal((await write(port + 1)).status, 422);
    assert.equal((await write(port)).status, 200);
    const { status } = await call(server, {
      method: 'POST',
      path: '/api/Messaging/Test',
      json: { channel: 'mail', to: 'you@example.com' },
      token,
      tenant,
    });
    assert.equal(status, 502);
    assert.equal(connections, 1);
  });

  it('opens nothing for a tenant at another port, nor what is the home tenant’s or another’s [SEC-R27]', async () => {
    for (const host of [`127.0.0.1:${port + 1}`, `127.0.0.2:${port}`, `127.0.0.3:${port}`]) {
      const refused = await add('refused', `https://${host}/jwks`);
      assert.equal(refused.status, 422, host);
      assert.match(String(refused.body['message']), /^jwksUri: .*outbound\.allow/);
    }
    assert.equal(connections, 0);
  });
});
