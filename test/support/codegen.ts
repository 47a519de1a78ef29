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

const DOCUMENT = { openapi: '3.0.3', info: { title: 'Orders', version: '1' }, paths: {} };

/** What the operations of code generation can be called with. */
export const CODEGEN_EXAMPLES: Record<
  string,
  (server: TestServer, tenant: Tenant) => Promise<Example> | Example
> = {
  'codegen.codes': () => ({}),
  'codegen.clients': () => ({}),
  'codegen.servers': () => ({}),
  'codegen.gen': () => ({ body: { genName: 'gatehouse-koa', document: DOCUMENT } }),
  'codegen.history': async (server, tenant) => ({ params: { id: await newApi(server, tenant) } }),
  'codegen.posthistory': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: { sdkName: '@example/orders', language, version: `1.0.${++made}` },
  }),
  // The API has no document, so the job fails before anything is connected to.
  'codegen.releasesdk': async (server, tenant) => ({
    body: {
      ...{ platform: 'npm', language },
      apiId: await withOptions(server, tenant, (id) => npmKey(id, language), NPM),
    },
  }),
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
  'codegen.syncgithub': async (server, tenant) => ({
    params: { id: await withOptions(server, tenant, githubKey, GITHUB) },
  }),
  'codegen.putcommonoptions': async (server, tenant) => ({
    params: { id: await newApi(server, tenant) },
    body: COMMON,
  }),
};

/** Fields whose values have rules of their own. */
export const CODEGEN_SETTLED: Record<string, readonly string[]> = {
  'codegen.gen': ['genName', 'document', 'swaggerUrl', 'options'],
  'codegen.releasesdk': ['platform', 'language', 'apiId', 'swaggerUrl'],
  'codegen.putnpmoptions': ['name', 'sdkName', 'version', 'license', 'registry'],
  'codegen.putgithuboptions': ['owner', 'repo', 'branch', 'remoteUrl', 'apiUrl', 'swaggerUrl'],
  'codegen.putcommonoptions': ['swaggerUrl'],
};
