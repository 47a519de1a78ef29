import type { AnyOperation } from '../api/index.js';
import { VOCABULARIES } from '../api/access.js';
import { newApiResource, newScope, type ApiResource, type ApiScope } from './schema.js';

/** Area → verbs of operations that come with other pieces of the product; clients and roles can have their words already. */
const TO_COME: Record<string, string[]> = {
  apiresource: [
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
  file: ['base64'], // the older document has no such operation; its word opens the newer one's
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
  // Registering is open to everybody; the documents have words for it all the same.
  user: ['register', 'verifyphone', 'verifyemail', 'resetpassword'],
};

/** Area → verb → what each operation of this word does. */
const areas = new Map(
  Object.entries(TO_COME).map(([area, verbs]) => [
    area,
    new Map(verbs.map((verb): [string, Set<string>] => [verb, new Set()])),
  ]),
);
let catalogue: readonly ApiScope[] | undefined;

/** Adds the words of operations: each is a scope for clients and a permission for users. */
export function offerScopesOf(operations: readonly Pick<AnyOperation, 'access' | 'summary'>[]): void {
  catalogue = undefined;
  for (const { access, summary } of operations) {
    if (access.kind === 'open') continue;
    const verbs = areas.get(access.area) ?? new Map<string, Set<string>>();
    areas.set(access.area, verbs.set(access.verb, (verbs.get(access.verb) ?? new Set()).add(summary)));
  }
}

/** The scopes of one vocabulary, and what a person allows with each. */
const scopesUnder = (prefix: string): [name: string, permits: string][] => [
  [`${prefix}.all`, 'Everything that you may do in the management API'],
  ...[...areas].flatMap(([area, verbs]): [string, string][] => [
    [`${prefix}.${area}.all`, `Everything that the management API does with the area "${area}"`],
    ...[...verbs].map(([verb, summaries]): [string, string] => [
      `${prefix}.${area}.${verb}`,
      [...summaries].join('; ').replaceAll('`', '"') || 'Nothing yet: a later version has this operation',
    ]),
  ]),
];

/** The name of the management API, in every tenant. */
export const MANAGEMENT_API = 'isms';

/**
 * The management API's scopes: those of its operations, in both vocabularies. They are the program's, not the store's: one
 * list for all tenants, which a new version of the program brings with it.
 */
export const managementScopes = (): readonly ApiScope[] =>
  (catalogue ??= VOCABULARIES.flatMap(scopesUnder).map(([name, description]) => ({
    ...newScope(name),
    description,
    emphasize: name.endsWith('.all'),
    showInDiscovery: name.startsWith(`${MANAGEMENT_API}.`),
  })));

/** The management API as each tenant begins with it. */
export const managementResource = (): ApiResource => ({
  ...newApiResource(MANAGEMENT_API, [], { displayName: 'Gatehouse management API' }),
  scopes: managementScopes(),
});
