import { VOCABULARIES } from '../api/access.js';
import { newApiResource, newScope, type ApiResource, type ApiScope } from './schema.js';

/** Area → verbs of the management API: each is a scope for clients and a permission for users. */
const AREAS: Record<string, string[]> = {
  apiresource: [
    'get',
    'post',
    'put',
    'detail',
    'delete',
    'import',
    'scopes',
    'publish',
    'publishrevision',
    'publishversion',
    'publishconfiguration',
    'versions',
    'setonlineversion',
    'authservers',
    'products',
    'releases',
    'postrelease',
    'putrelease',
    'deleterelease',
    'subscriptions',
    'verifyemail',
    'packages',
    'postpackages',
    'deletepackage',
    'history',
  ],
  blob: ['post', 'image', 'base64'],
  file: ['post', 'image', 'base64'], // the older document's name for blob
  client: ['get', 'post', 'put', 'detail', 'delete', 'issuetoken', 'postsecretkey'],
  codegen: [
    'clients',
    'servers',
    'npmoptions',
    'putnpmoptions',
    'githuboptions',
    'putgithuboptions',
    'commonoptions',
    'putcommonoptions',
    'releasesdk',
  ],
  identityresource: ['get', 'post', 'put', 'detail', 'delete'],
  role: ['get', 'post', 'put', 'detail', 'delete'],
  tenant: ['get', 'post', 'put', 'detail', 'delete'],
  user: [
    'get',
    'post',
    'put',
    'detail',
    'delete',
    'head',
    'export',
    'import',
    'register',
    'verifyphone',
    'verifyemail',
  ],
};

const scopesUnder = (prefix: string): string[] => [
  `${prefix}.all`,
  ...Object.entries(AREAS).flatMap(([area, verbs]) => [
    `${prefix}.${area}.all`,
    ...verbs.map((verb) => `${prefix}.${area}.${verb}`),
  ]),
];

/** The name of the management API, in every tenant. */
export const MANAGEMENT_API = 'isms';

/**
 * The management API's scopes. They are the program's, not the store's: one list for all tenants, which a new version of
 * the program brings with it.
 */
export const MANAGEMENT_SCOPES: readonly ApiScope[] = VOCABULARIES.flatMap(scopesUnder).map((name) => ({
  ...newScope(name),
  emphasize: name.endsWith('.all'),
  showInDiscovery: name.startsWith(`${MANAGEMENT_API}.`),
}));

/** The management API as each tenant begins with it. */
export const managementResource = (): ApiResource => ({
  ...newApiResource(MANAGEMENT_API, [], { displayName: 'Gatehouse management API' }),
  scopes: MANAGEMENT_SCOPES,
});
