import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { clientSettings, GRANT_TYPES, insertClient } from '../../src/clients/index.js';
import { insertIdentityResource } from '../../src/identity-resources/index.js';
import { insertRole } from '../../src/roles/index.js';
import { writeSettings } from '../../src/messaging/settings.js';
import { listKeys, rotateKeys, scheduleOf } from '../../src/oidc/index.js';
import { insertUser } from '../../src/users/index.js';
import { confirmationHash, endingCode, newConfirmationCode } from '../../src/gateway/subscribers/codes.js';
import { putRequest, subscribe, subscriptionsOf } from '../../src/gateway/subscribers/store.js';
import { insertPackage } from '../../src/gateway/packages/index.js';
import { openCodes, phoneTarget } from '../../src/verification/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { documentOf } from './gateway.js';
import { CATALOGUE_EXAMPLES, CATALOGUE_SETTLED } from './catalogue.js';
import { pdf, png } from './files.js';
import { call, type Example } from './management.js';
import { RESERVED, PASSWORD, type TestServer } from './server.js';

let made = 0;

/** What each operation can be called with, made anew each time so that it works each time. */
export const EXAMPLES: Record<
  string,
  (server: TestServer, tenant: Tenant, token: string) => Promise<Example> | Example
> = {
  ...CATALOGUE_EXAMPLES,
  'apiresource.codes': () => ({}),
  'apiresource.get': () => ({}),
  'apiresource.scopes': () => ({}),
  'apiresource.detail': async (server, tenant) => ({ params: { id: await newApi(server, tenant) } }),
  'apiresource.post': () => ({ body: { name: `api-${++made}`, scopes: [{ name: 'read' }] } }),
  'apiresource.put': async (server, tenant) => ({
    body: { id: await newApi(server, tenant), displayName: 'Changed' },
  }),
  'apiresource.delete': async (server, tenant) => ({ params: { id: await newApi(server, tenant) } }),
  'apiresource.import': () => ({ body: { microServiceName: `service-${++made}` } }),
  'apiresource.subscriptions': async (server, tenant) => ({ params: { id: await newApi(server, tenant) } }),
  'apiresource.verifyemail': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: { email: `person-${++made}@example.com` },
  }),
  'apiresource.addsubscription': (server, tenant) => confirmable(server, tenant),
  'apiresource.confirmsubscription': (server, tenant) => confirmable(server, tenant),
  'apiresource.delsubscription': (server, tenant) => endable(server, tenant),
  'apiresource.endsubscription': async (server, tenant) => ({
    ...(await endable(server, tenant)),
    body: { 'List-Unsubscribe': 'One-Click' },
  }),
  'apiresource.packages': async (server, tenant) => ({ params: { id: await newApi(server, tenant) } }),
  'apiresource.postpackages': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: packageFields(),
  }),
  'apiresource.putpackage': async (server, tenant) => ({
    params: await newPackage(server, tenant),
    body: { description: 'Changed' },
  }),
  'apiresource.deletepackage': async (server, tenant) => ({ params: await newPackage(server, tenant) }),
  'codegen.clients': () => ({}),
  'codegen.servers': () => ({}),
  'codegen.codes': () => ({}),
  'codegen.gen': () => ({ body: { genName: 'gatehouse-koa', document: documentOf({ 'GET /': null }) } }),
  'client.codes': () => ({}),
  'client.get': () => ({}),
  'client.detail': async (server, tenant) => ({ params: { id: await newClient(server, tenant) } }),
  'client.post': () => ({ body: { template: 'machine' } }),
  'client.put': async (server, tenant) => ({
    body: { id: await newClient(server, tenant), description: 'Changed' },
  }),
  'client.delete': async (server, tenant) => ({ params: { id: await newClient(server, tenant) } }),
  'client.postsecretkey': async (server, tenant) => ({
    params: { id: await newClient(server, tenant) },
    body: {},
  }),
  'client.registrationtokens': () => ({}),
  'client.postregistrationtoken': () => ({ body: {} }),
  'client.deleteregistrationtoken': async (server, tenant, token) => {
    const path = '/api/Client/RegistrationTokens';
    const made = await call(server, { method: 'POST', path, json: {}, token, tenant });
    return { params: { id: (made.data['id'] ?? 'none') as string } };
  },
  'client.endregistration': async (server, tenant) => {
    const id = await newClient(server, tenant);
    await server.change(
      (db) => db.insert('client_registrations', { client_row_id: id, hash: 'none', scopes: '[]' }),
      tenant,
    );
    return { params: { id } };
  },
  'client.issuetoken': () => ({ body: {} }),
  'client.issuedtokens': () => ({}),
  'client.revoketoken': async (server, tenant, token) => {
    const issued = await call(server, {
      method: 'POST',
      path: '/api/Client/IssueToken',
      json: {},
      token,
      tenant,
    });
    return { params: { id: (issued.data['id'] ?? 'none') as string } };
  },
  'role.codes': () => ({}),
  'role.get': () => ({}),
  'role.detail': async (server, tenant) => ({ params: { id: await newRole(server, tenant) } }),
  'role.post': () => ({ body: { name: `role-${++made}` } }),
  'role.put': async (server, tenant) => ({
    body: { id: await newRole(server, tenant), displayName: 'Changed' },
  }),
  'role.delete': async (server, tenant) => ({ params: { id: await newRole(server, tenant) } }),
  'identityresource.codes': () => ({}),
  'identityresource.get': () => ({}),
  'identityresource.detail': async (server, tenant) => ({ params: { id: await newScope(server, tenant) } }),
  'identityresource.post': () => ({ body: { name: `scope-${++made}` } }),
  'identityresource.put': async (server, tenant) => ({
    body: { id: await newScope(server, tenant), displayName: 'Changed' },
  }),
  'identityresource.delete': async (server, tenant) => ({ params: { id: await newScope(server, tenant) } }),
  'key.get': () => ({}),
  'key.rotate': () => ({ body: {} }),
  'key.revoke': async (server, tenant) => ({ params: { kid: await newKey(server, tenant) } }),
  'key.renew': () => ({ body: { secret: 'dpop' } }),
  'blob.codes': () => ({}),
  'blob.post': () => ({ body: { value: pdf() } }),
  'blob.image': () => ({ body: { value: png() } }),
  'blob.base64': () => ({ body: { value: png().toString('base64') } }),
  'file.codes': () => ({}),
  'file.post': () => ({ body: { value: pdf() } }),
  'file.image': () => ({ body: { value: png() } }),
  'tenant.codes': () => ({}),
  'tenant.info': () => ({}),
  'tenant.get': () => ({}),
  'tenant.detail': async (server) => ({ params: { id: (await newTenant(server)).id } }),
  'tenant.post': () => ({ body: { name: `tenant-${++made}`, hosts: [`tenant-${made}.example.com`] } }),
  'tenant.put': async (server) => ({ body: { id: (await newTenant(server)).id, theme: 'dark' } }),
  'tenant.delete': async (server) => {
    const { id, name } = await newTenant(server);
    return { params: { id }, query: { confirm: name } };
  },
  'user.codes': () => ({}),
  'user.get': () => ({}),
  'user.head': async (server, tenant) => {
    await newUser(server, tenant);
    return { query: { userName: `user-${made}` } };
  },
  'user.detail': async (server, tenant) => ({ params: { id: await newUser(server, tenant) } }),
  'user.export': async (server, tenant) => ({ params: { id: await newUser(server, tenant) } }),
  'user.import': () => ({ body: { userName: `user-${++made}` } }),
  'user.post': () => ({ body: { userName: `user-${++made}` } }),
  'user.put': async (server, tenant) => ({
    body: { id: await newUser(server, tenant), nickName: 'Changed' },
  }),
  'user.delete': async (server, tenant) => ({ params: { id: await newUser(server, tenant) } }),
  'user.verifyphone': () => ({ body: { phoneNumber: newPhone() } }),
  'user.verifyemail': () => ({ body: { email: `person-${++made}@example.com` } }),
  'user.register': async (server, tenant) => {
    const phoneNumber = newPhone();
    const phoneNumberVerifyCode = await codeFor(server, tenant, phoneNumber, 'register');
    return { body: { phoneNumber, phoneNumberVerifyCode, password: PASSWORD } };
  },
  'user.resetpassword': async (server, tenant) => {
    const phoneNumber = newPhone();
    await server.change((db) => insertUser(db, { userName: `user-${++made}`, phoneNumber }, null), tenant);
    const phoneNumberVerifyCode = await codeFor(server, tenant, phoneNumber, 'reset');
    return { body: { phoneNumber, phoneNumberVerifyCode, password: PASSWORD } };
  },
  'messaging.codes': () => ({}),
  'messaging.get': () => ({}),
  'messaging.putmail': () => ({
    body: { driver: 'smtp', host: 'mail.example.com', port: 465, from: 'no-reply@example.com' },
  }),
  'messaging.putsms': () => ({
    body: {
      driver: 'webhook',
      url: 'https://sms.example.com/send',
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    },
  }),
  'messaging.delete': async (server, tenant) => {
    await server.change(
      (db) => writeSettings(db, server.context.vault, 'mail', { driver: 'screen' }),
      tenant,
    );
    return { params: { channel: 'mail' } };
  },
  'messaging.test': () => ({ body: { channel: 'mail', to: 'you@example.com' } }),
};

/** A subscription that an address was asked for. */
async function requested(
  { context: { vault }, change }: TestServer,
  tenant: Tenant,
): Promise<{ id: string; code: string }> {
  const id = await newApi({ change }, tenant);
  const code = newConfirmationCode();
  const request = {
    email: `person-${++made}@example.com`,
    locale: 'en',
    expiresAt: Date.now() + 60_000,
  } as const;
  await change((db) => putRequest(db, id, request, confirmationHash(vault, code)), tenant);
  return { id, code };
}

async function confirmable(server: TestServer, tenant: Tenant): Promise<Example> {
  const { id, code } = await requested(server, tenant);
  return { params: { id }, query: { code } };
}

async function endable(server: TestServer, tenant: Tenant): Promise<Example> {
  const { id } = await requested(server, tenant);
  const code = await server.change(async (db) => {
    const request = { email: `person-${made}@example.com`, locale: 'en', used: false, expiresAt: 0 } as const;
    await subscribe(db, id, request);
    const row = await subscriptionsOf(db, id).first<{ id: string }>('id');
    return endingCode(server.context.vault, tenant.id, id, row.id);
  }, tenant);
  return { params: { id }, query: { code } };
}

const packageFields = () => ({
  name: `package-${++made}`,
  publisher: 'Example',
  link: 'https://packages.example.com/orders',
  packagePlatform: 'npm' as const,
  language: 'typescript',
});

async function newPackage(server: TestServer, tenant: Tenant): Promise<{ id: string; packageId: string }> {
  const id = await newApi(server, tenant);
  const fields = { ...packageFields(), icon: null, description: null, showIndex: 0, tags: [] };
  const made = await server.change((db) => insertPackage(db, id, fields), tenant);
  return { id, packageId: made.id };
}

const newPhone = (): string => `+86139${String(10_000_000 + ++made)}`;

/** A code that was sent, as whoever gets the message knows it. */
async function codeFor(
  server: TestServer,
  tenant: Tenant,
  phoneNumber: string,
  purpose: 'register' | 'reset',
): Promise<string> {
  const { store, vault, config } = server.context;
  const codes = openCodes(store, vault, config.codes);
  const wish = { target: phoneTarget(phoneNumber), purpose, address: '127.0.0.1' };
  return server.change((db) => codes.issue(db, wish), tenant);
}

const RULED_SETTINGS = [
  'clientId',
  'template',
  'applicationType',
  'grantTypes',
  'redirectUris',
  'postLogoutRedirectUris',
  'scopes',
  'defaultScopes',
  'tokenEndpointAuthMethod',
  'requirePkce',
  'corsOrigins',
  'clientUri',
  'logoUri',
  'policyUri',
  'tosUri',
  'jwks',
  'jwksUri',
  'tlsClientAuthSubjectDn',
  'tlsClientAuthSanDns',
  'tlsClientAuthSanUri',
  'tlsClientCertificateBoundAccessTokens',
  'dpopBoundAccessTokens',
  'requireSignedRequestObject',
  'backchannelLogoutUri',
  'frontchannelLogoutUri',
  'responseTypes',
  'allowOfflineAccess',
  // The tenant needs a key of it.
  'idTokenSignedResponseAlg',
  'introspectionSignedResponseAlg',
];

const SMS_FIELDS = [
  'driver',
  'url',
  'secret',
  'accessKeyId',
  'accessKeySecret',
  'signName',
  'templateCode',
  'endpoint',
  'accountSid',
  'authToken',
  'from',
];

const PROOFS = [
  'phoneNumber',
  'phoneNumberVerifyCode',
  'email',
  'emailVerifyCode',
  'countryCode',
  'password',
];

/**
 * Fields whose values have to fit each other, or something that is there: chance meets them rarely, so the example's stay,
 * or nothing.
 */
export const SETTLED: Record<string, readonly string[]> = {
  ...CATALOGUE_SETTLED,
  'codegen.gen': ['genName', 'swaggerUrl', 'document', 'options'],
  'blob.post': ['value'],
  'blob.image': ['value'],
  'blob.base64': ['value'],
  'file.post': ['value'],
  'file.image': ['value'],
  'apiresource.post': ['name', 'audience', 'scopes', 'secrets'],
  'apiresource.put': ['audience', 'scopes', 'secrets'],
  'apiresource.import': ['microServiceName', 'microServicePolicies'],
  'apiresource.verifyemail': ['email'],
  'apiresource.addsubscription': ['code'],
  'apiresource.confirmsubscription': ['code'],
  'apiresource.delsubscription': ['code'],
  'apiresource.endsubscription': ['code'],
  // An icon is an https address.
  'apiresource.postpackages': ['icon'],
  'apiresource.putpackage': ['icon'],
  'client.post': RULED_SETTINGS,
  'client.put': [...RULED_SETTINGS, 'secrets'],
  'tenant.info': ['host'],
  'tenant.post': ['hosts', 'issuer', 'properties', 'managementClient'],
  'tenant.put': ['hosts', 'properties'],
  'tenant.delete': ['confirm'],
  'user.get': ['q.roles'],
  'user.head': ['phoneNumber', 'email', 'userName'],
  'user.import': [
    'from',
    'userName',
    'email',
    'countryCode',
    'phoneNumber',
    'refereeId',
    'roles',
    'passwordHash',
  ],
  'user.post': ['userName', 'email', 'countryCode', 'phoneNumber', 'refereeId', 'roles', 'password'],
  'user.put': ['userName', 'email', 'countryCode', 'phoneNumber', 'refereeId', 'roles', 'password'],
  'user.verifyphone': ['phoneNumber', 'countryCode'],
  'user.verifyemail': ['email'],
  'user.register': [...PROOFS, 'refereeId'],
  'user.resetpassword': PROOFS,
  'messaging.putmail': ['driver', 'host', 'port', 'security', 'user', 'password', 'from'],
  'messaging.putsms': SMS_FIELDS,
  'messaging.test': ['channel', 'to'],
  'client.postregistrationtoken': ['expiresAt'],
  'client.issuetoken': ['scope', 'audience'],
  'client.postsecretkey': ['plaintext', 'expiresAt'],
  // Revoked keys end the token that the calls are made with.
  'key.rotate': ['compromised', 'now'],
  'key.renew': ['secret'],
};

/** Operations that can be done to one thing only so often: each run has one of its own. */
export const ONCE = [
  'apiresource.verifyemail',
  'apiresource.addsubscription',
  'apiresource.confirmsubscription',
  'client.postsecretkey',
  'user.verifyphone',
  'user.verifyemail',
  'user.register',
  'user.resetpassword',
];

const newApi = (server: Pick<TestServer, 'change'>, tenant: Tenant): Promise<string> =>
  server.change((db) => insertApiResource(db, newApiResource(`api-${++made}`, [`api-${made}.read`])), tenant);

const newClient = (server: TestServer, tenant: Tenant): Promise<string> =>
  server.change((db) => {
    const settings = clientSettings({ grantTypes: [GRANT_TYPES.clientCredentials] });
    return insertClient(db, { clientId: `client-${++made}`, clientName: 'Example', settings }, RESERVED);
  }, tenant);

const newScope = async (server: TestServer, tenant: Tenant): Promise<string> =>
  (
    await server.change(
      (db) =>
        insertIdentityResource(db, {
          name: `scope-${++made}`,
          displayName: null,
          description: null,
          required: false,
          emphasize: false,
          showInDiscovery: true,
          userClaims: [],
        }),
      tenant,
    )
  ).id;

const newRole = async (server: TestServer, tenant: Tenant): Promise<string> => {
  const role = { name: `role-${++made}`, displayName: null, description: null, claims: [] };
  return (await server.change((db) => insertRole(db, role), tenant)).id;
};

/** The id of a key that does not sign yet, so that its revocation leaves tokens as they are. */
async function newKey({ context: { store, vault, config } }: TestServer, tenant: Tenant): Promise<string> {
  await rotateKeys(store, vault, tenant.id, scheduleOf(config));
  const next = (await listKeys(store, tenant.id)).find(({ state }) => state === 'next');
  if (!next) throw new Error('a rotation publishes a next key');
  return next.kid;
}

const newTenant = (server: TestServer): Promise<Tenant> =>
  server.addTenant(`tenant-${++made}`, `tenant-${made}.example.com`);

const newUser = async (server: TestServer, tenant: Tenant): Promise<string> =>
  (await server.change((db) => insertUser(db, { userName: `user-${++made}` }, null), tenant)).id;
