import { newApiResource, type ApiResource } from './schema.js';

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
  user: ['get', 'post', 'put', 'detail', 'delete', 'head', 'register', 'verifyphone', 'verifyemail'],
};

/** The two documents' prefixes. Either satisfies an operation. */
const VOCABULARIES = ['isms', 'ids4.ms'];

const scopesUnder = (prefix: string): string[] => [
  `${prefix}.all`,
  ...Object.entries(AREAS).flatMap(([area, verbs]) => [
    `${prefix}.${area}.all`,
    ...verbs.map((verb) => `${prefix}.${area}.${verb}`),
  ]),
];

/** The management API as each tenant begins with it. */
export function managementResource(): ApiResource {
  const resource = newApiResource('isms', VOCABULARIES.flatMap(scopesUnder), {
    displayName: 'Gatehouse management API',
  });
  for (const scope of resource.scopes) {
    scope.emphasize = scope.name.endsWith('.all');
    scope.showInDiscovery = scope.name.startsWith('isms.');
  }
  return resource;
}
