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
};

const newRole = async (server: TestServer, tenant: Tenant): Promise<string> => {
  const role = { name: `role-${++made}`, displayName: null, description: null, claims: [] };
  return (await server.change((db) => insertRole(db, role), tenant)).id;
};
