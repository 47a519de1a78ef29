import type { AnyOperation } from '../api/index.js';
import { ALIASES, VOCABULARIES } from '../api/access.js';
import { newApiResource, newScope, type ApiResource, type ApiScope } from './schema.js';

/** Area → verbs of the documents that no operation asks for; clients and roles can have their words already. */
const UNUSED: Record<string, string[]> = {
  file: ['base64'], // the older document has no such operation; its word opens the one of `blob`
  // Registering is open to everybody; the documents have words for it all the same.
  user: ['register', 'verifyphone', 'verifyemail', 'resetpassword'],
};

/** Area → verb → what each operation of this word does. */
const areas = new Map(
  Object.entries(UNUSED).map(([area, verbs]) => [
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

/** What a person allows: a summary without the notes for callers, which stand after its first `;` or `:`. */
const permissionOf = (summary: string): string => (/^[^;:]*/.exec(summary)?.[0] ?? '').replaceAll('`', '"');

/** What the operations do that a word opens, also by the other name of its area. */
const summariesOf = (area: string, verb: string): string[] => [
  ...new Set(
    [area, ALIASES[area]].flatMap((name) =>
      name === undefined ? [] : [...(areas.get(name)?.get(verb) ?? [])].map(permissionOf),
    ),
  ),
];

const NOTHING_YET = 'Nothing: no operation of this version asks for it';

/** Areas in which one change decides over more than the thing that is changed: who gets the messages, who can sign tokens. */
const POWERFUL = /\.(?:all|delete\w*)$|\.messaging\.put|\.key\.(?!get$)/;

/** The area and the verb of a scope of the management API. */
export interface ManagementWord {
  /** Undefined for all areas. */
  area: string | undefined;
  verb: string;
  /** Whether an operation of this version asks for it. */
  used: boolean;
}

/** Reads a scope of the management API, in either vocabulary. */
export function managementWordOf(name: string): ManagementWord | undefined {
  const prefix = VOCABULARIES.find((each) => name.startsWith(`${each}.`));
  if (prefix === undefined) return undefined;
  const parts = name.slice(prefix.length + 1).split('.');
  const verb = parts.pop() ?? '';
  const [area] = parts;
  const verbs = verb === 'all' && area !== undefined ? [...(areas.get(area)?.keys() ?? [])] : [verb];
  return { area, verb, used: area === undefined || verbs.some((each) => summariesOf(area, each).length > 0) };
}

/** The scopes of one vocabulary, and what a person allows with each. */
const scopesUnder = (prefix: string): [name: string, permits: string][] => [
  [`${prefix}.all`, 'Everything that you may do in the management API'],
  ...[...areas].flatMap(([area, verbs]): [string, string][] => [
    [`${prefix}.${area}.all`, `Everything that the management API does with the area "${area}"`],
    ...[...verbs.keys()].map((verb): [string, string] => [
      `${prefix}.${area}.${verb}`,
      summariesOf(area, verb).join('; ') || NOTHING_YET,
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
    emphasize: POWERFUL.test(name),
    showInDiscovery: name.startsWith(`${MANAGEMENT_API}.`),
  })));

/** The management API as each tenant begins with it. */
export const managementResource = (): ApiResource => ({
  ...newApiResource(MANAGEMENT_API, [], { displayName: 'Gatehouse management API' }),
  scopes: managementScopes(),
});
