import { insertIdentityResource } from '../../src/identity-resources/index.js';
import { insertRole } from '../../src/roles/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import type { Example } from './management.js';
import type { TestServer } from './server.js';

let made = 0;

/** What each operation can be called with, made anew each time so that it works each time. */
export const EXAMPLES: Record<string, (server: TestServer, tenant: Tenant) => Promise<Example> | Example> = {
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
};

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
