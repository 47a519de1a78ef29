import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { changeOptions } from '../../src/codegen/options/change.js';
import { commonKey, githubKey, npmKey } from '../../src/codegen/options/options.js';
import type { OptionsKey } from '../../src/codegen/options/types.js';
import type { Tenant } from '../../src/tenants/index.js';
import type { Example } from './management.js';
import type { TestServer } from './server.js';

let made = 0;

const NPM = { name: 'Orders', sdkName: '@example/orders' };
const GITHUB = { owner: 'example', repo: 'orders' };
const COMMON = { swaggerUrl: 'https://api.example.com/openapi.json' };

const newApi = ({ change }: TestServer, tenant: Tenant): Promise<string> =>
  change((db) => insertApiResource(db, newApiResource(`generated-${++made}`, [])), tenant);

async function withOptions(
  server: TestServer,
  tenant: Tenant,
  keyOf: (apiId: string) => OptionsKey,
  settings: Record<string, unknown>,
): Promise<string> {
  const id = await newApi(server, tenant);
  await server.change((db) => changeOptions(db, server.context.vault, keyOf(id), settings, []), tenant);
  return id;
}

const language = 'typescript';

/** What the operations about options of the code generation can be called with. */
export const CODEGEN_OPTIONS_EXAMPLES: Record<
  string,
  (server: TestServer, tenant: Tenant) => Promise<Example>
> = {
  'codegen.npmoptions': async (server, tenant) => ({
    params: { id: await withOptions(server, tenant, (id) => npmKey(id, language), NPM), language },
  }),
  'codegen.putnpmoptions': async (server, tenant) => ({
    params: { id: await newApi(server, tenant), language },
    body: NPM,
  }),
  'codegen.githuboptions': async (server, tenant) => ({
    params: { id: await withOptions(server, tenant, githubKey, GITHUB) },
  }),
  'codegen.putgithuboptions': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: GITHUB,
  }),
  'codegen.commonoptions': async (server, tenant) => ({
    params: { id: await withOptions(server, tenant, commonKey, COMMON) },
  }),
  // The API has no document, so that the job fails before anything is connected to: 422.
  'codegen.syncgithub': async (server, tenant) => ({
    params: { id: await withOptions(server, tenant, githubKey, GITHUB) },
  }),
  'codegen.putcommonoptions': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: COMMON,
  }),
};

/** Fields whose values have rules of their own. */
export const CODEGEN_OPTIONS_SETTLED: Record<string, readonly string[]> = {
  'codegen.putnpmoptions': ['sdkName', 'version', 'license', 'registry'],
  'codegen.putgithuboptions': ['owner', 'repo', 'branch', 'remoteUrl', 'apiUrl', 'swaggerUrl'],
  'codegen.putcommonoptions': ['swaggerUrl'],
};
