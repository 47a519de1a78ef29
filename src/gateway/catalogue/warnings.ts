import { enabledIdentityResources } from '../../identity-resources/index.js';
import type { TenantDb } from '../../store/index.js';
import { lacking } from '../access/index.js';
import { quoted } from '../documents/index.js';
import type { CompiledDocument, Policy } from '../types.js';
import { stepsOf } from './combinations.js';
import type { Version } from './types.js';
import { MOST_WARNINGS } from './warning-schemas.js';

/** What works as it was published, and is hardly meant so. */
interface Warning {
  field: string;
  message: string;
}

/** What is published of a version. */
interface Published {
  access: Pick<Version, 'authServerId' | 'scope'>;
  policy: Policy | null;
  /** With the field that it came in; undefined where none was sent. */
  document?: { field: string; compiled: CompiledDocument } | undefined;
}

/** The scopes of an API resource, and its name. */
interface Api {
  name: string;
  scopes: readonly { name: string }[];
}

const MISSING = 'which this API resource does not have; add it to the resource, or no token can call';

/** Scopes that each call is asked for, by the field that asks for them. */
const askedOfAll = ({ access, policy }: Published): { field: string; scopes: readonly string[] }[] => [
  { field: 'scope', scopes: access.scope?.split(' ') ?? [] },
  ...stepsOf(policy).map(([field, { requireScopes }]) => ({
    field: `${field}/requireScopes/scopes`,
    scopes: requireScopes?.scopes ?? [],
  })),
];

/**
 * Warnings of scopes that no token for the API can have: such a token has scopes of the API, and of the provider itself. Tokens of
 * other issuers have scopes that are not known here.
 */
async function scopeWarnings(db: TenantDb, api: Api, published: Published): Promise<Warning[]> {
  const { access, document } = published;
  if (access.authServerId !== 'self') return [];
  const ofAll = askedOfAll(published);
  const ofDocument = document?.compiled.operations.flatMap(({ scopes }) => scopes.flat()) ?? [];
  const words = [...new Set([...ofAll.flatMap(({ scopes }) => scopes), ...ofDocument])];
  if (lacking(new Set(api.scopes.map(({ name }) => name)), api.name, words).length === 0) return [];
  const identity = await enabledIdentityResources(db);
  const held = new Set([...api.scopes, ...identity].map(({ name }) => name));
  const missing = new Set(lacking(held, api.name, words));
  return [
    ...(document ? ofOperations(document, missing) : []),
    ...ofAll.flatMap(({ field, scopes }) =>
      [...new Set(scopes)]
        .filter((scope) => missing.has(scope))
        .map((scope) => ({ field, message: `Calls need the scope ${quoted(scope)}, ${MISSING} them.` })),
    ),
  ].slice(0, MOST_WARNINGS);
}

/** Of operations that no alternative opens: each scope that is missing, those that most of them ask for first. */
function ofOperations(
  { field, compiled }: NonNullable<Published['document']>,
  missing: ReadonlySet<string>,
): Warning[] {
  const counts = new Map<string, number>();
  for (const { open, scopes } of compiled.operations) {
    const lacks = scopes.map((names) => names.filter((name) => missing.has(name)));
    if (open || lacks.some((names) => names.length === 0)) continue;
    for (const name of new Set(lacks.flat())) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([scope, count]) => ({
      field,
      message:
        count === 1
          ? `1 operation asks for the scope ${quoted(scope)}, ${MISSING} it.`
          : `${count} operations ask for the scope ${quoted(scope)}, ${MISSING} them.`,
    }));
}

/** What the answer to a publish says in addition to what is published: nothing where there are no warnings. */
export async function warned(
  db: TenantDb,
  api: Api,
  published: Published,
): Promise<{ warnings?: Warning[] }> {
  const warnings = await scopeWarnings(db, api, published);
  return warnings.length > 0 ? { warnings } : {};
}
