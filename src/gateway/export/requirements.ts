import type {
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
  PolicySteps,
  Quota,
  RateLimit,
} from '../types.js';
import { isPlainHost } from './nginx-text.js';
import { stepsOf } from './policy-steps.js';
import type { ExportSource, LeftOut } from './source.js';

/**
 * What other products have to demand of calls of an operation. What they cannot demand is left out with its operation: an export
 * never opens what Gatehouse refuses.
 */

/** Where tokens come from, and whom they are for. */
export interface Issuer {
  issuer: string;
  audience: string;
  jwksUri: string | undefined;
}

/** An operation of a version's current revision. */
export interface ExportedOperation {
  operation: CompiledOperation;
  steps: PolicySteps;
  /** Undefined where no token is asked. */
  token: Issuer | undefined;
  /** Alternatives of scopes, each to be held whole; each scope is met by one of its words. One empty list: none is asked. */
  scopes: readonly (readonly (readonly string[])[])[];
}

export interface ExportedVersion {
  api: LiveApi;
  version: LiveVersion;
  revision: LiveRevision;
  /** Whether a product key is asked. */
  productKey: boolean;
  rateLimit: RateLimit | undefined;
  quota: Quota | undefined;
  operations: readonly ExportedOperation[];
}

/** Why an operation cannot be exported; undefined where it can. Each product has its own. */
export type Refusal = (version: ExportedVersion, operation: ExportedOperation) => string | undefined;

export interface Exportable {
  versions: readonly ExportedVersion[];
  leftOut: LeftOut[];
}

/** Words of callers' data that stand for themselves in all products: no `$`, quotes, braces or blanks. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._~:/@+*-]{0,499}$/;
export const isPlain = (word: string): boolean => PLAIN.test(word);

/** Printable text in which no product finds an expression of its own. */
export const isPlainText = (text: string): boolean =>
  /^[\x20-\x7e]{0,1000}$/.test(text) && !/[$@#{}<>"\\`]/.test(text);

/** The words of which each meets a scope of an API. */
const wordsFor = (api: LiveApi, scope: string): string[] => [
  ...new Set([scope, `${api.name}.${scope}`, `${api.name}.all`]),
];

function issuerOf({ authServer }: LiveVersion, api: LiveApi, source: ExportSource): Issuer | undefined {
  if (authServer === 'none') return undefined;
  if (authServer !== 'self') return authServer;
  return { issuer: source.tenant.issuer, audience: api.audience, jwksUri: undefined };
}

function exportedOperation(
  { api, version, revision }: Pick<ExportedVersion, 'api' | 'version' | 'revision'>,
  operation: CompiledOperation,
  source: ExportSource,
): ExportedOperation {
  const steps = stepsOf(revision, operation);
  const asked = !operation.open || steps.requireScopes !== undefined;
  const token = asked ? issuerOf(version, api, source) : undefined;
  const always = [...version.scope, ...(steps.requireScopes?.scopes ?? [])];
  const alternatives = operation.open || operation.scopes.length === 0 ? [[]] : operation.scopes;
  const scopes = alternatives.map((each) =>
    [...new Set([...each, ...always])].map((scope) => wordsFor(api, scope)),
  );
  return { operation, steps, token, scopes: token ? scopes : [[]] };
}

/** Why no product can export an operation: what it asks is known to Gatehouse only. */
function refusalOfAll(
  { api, revision }: ExportedVersion,
  { operation, steps, token, scopes }: ExportedOperation,
): string | undefined {
  if (operation.permissions.length > 0 || (steps.requireScopes?.permissions ?? []).length > 0)
    return 'it asks a permission, which only Gatehouse knows of';
  if (token && ![token.issuer, token.audience].every(isPlain))
    return 'its issuer or audience has unusual characters';
  if (!scopes.flat(2).every(isPlain)) return 'a scope has unusual characters';
  if (steps.mock) return 'its policy mock has no counterpart';
  if (steps.rewrite) return 'its policy rewrite has no counterpart';
  if (!isPlainText(operation.path.replace(/\{[A-Za-z0-9_.-]+\}/g, '')))
    return 'its path has unusual characters';
  if (api.scheme.in !== 'path' && !isPlain(api.scheme.name))
    return 'the name of its version scheme has unusual characters';
  if (!isPlainHost(revision.serviceUrl.hostname)) return 'the host of its backend has unusual characters';
  if (revision.serviceUrl.pathname !== '/' && !isPlain(revision.serviceUrl.pathname.slice(1)))
    return 'the path of its backend has unusual characters';
  return undefined;
}

/** Steps whose loss changes no right: named once for each version. */
const LOST: readonly (keyof PolicySteps)[] = ['cache', 'circuitBreaker', 'retry', 'validateRequest'];

const MOST_ALTERNATIVES = 30;

/** The current revisions of a tenant's APIs, with what a product can demand of their calls. */
export async function exportable(source: ExportSource, refusal: Refusal): Promise<Exportable> {
  const leftOut: LeftOut[] = [];
  const versions: ExportedVersion[] = [];
  for (const api of source.apis)
    for (const version of api.versions.values()) {
      const whole = await wholeVersion(source, api, version);
      const what = titleOf(whole);
      const operations = whole.operations.filter((each) => {
        const why =
          refusalOfAll(whole, each) ??
          (each.scopes.length > MOST_ALTERNATIVES
            ? 'it has too many alternatives of scopes'
            : refusal(whole, each));
        if (why !== undefined) leftOut.push({ what: `${what} ${each.operation.key}`, why });
        return why === undefined;
      });
      leftOut.push(...lostOf(what, whole));
      versions.push({ ...whole, operations });
    }
  return { versions, leftOut };
}

async function wholeVersion(
  source: ExportSource,
  api: LiveApi,
  version: LiveVersion,
): Promise<ExportedVersion> {
  const revision = version.current;
  const { operations } = await revision.document();
  const required =
    version.products.length > 0 && version.products.every(({ subscriptionRequired }) => subscriptionRequired);
  return {
    api,
    version,
    revision,
    productKey: required,
    rateLimit: revision.policy?.rateLimit,
    quota: revision.policy?.quota,
    operations: operations.map((each) => exportedOperation({ api, version, revision }, each, source)),
  };
}

function lostOf(what: string, { version, revision, operations, productKey }: ExportedVersion): LeftOut[] {
  const lost: LeftOut[] = LOST.filter((step) =>
    operations.some(({ steps }) => steps[step] !== undefined),
  ).map((step) => ({
    what,
    why: `the policy ${step} is not exported`,
  }));
  const others = version.revisions.size - 1;
  if (others > 0)
    lost.push({ what, why: `revisions that are online under ;rev=N are not exported: ${others}` });
  if (Object.values(revision.policy?.operations ?? {}).some(({ rateLimit, quota }) => rateLimit ?? quota))
    lost.push({ what, why: 'rateLimit and quota of single operations are not exported' });
  if (productKey) lost.push({ what, why: 'product keys are stored as hashes only: make new ones' });
  return lost;
}

export const titleOf = ({ api, version }: Pick<ExportedVersion, 'api' | 'version'>): string =>
  version.name === '' ? api.suffix : `${api.suffix}/${version.name}`;

/** A version's name for other products: letters, digits, `.` and `-`. */
export const slugOf = ({ api, version }: Pick<ExportedVersion, 'api' | 'version'>): string =>
  version.name === '' ? `gatehouse-${api.suffix}` : `gatehouse-${api.suffix}.${version.name}`;

/** Where a version is reached, without its header or query parameter. */
export const basePathOf = ({ api, version }: Pick<ExportedVersion, 'api' | 'version'>): string =>
  version.name !== '' && api.scheme.in === 'path'
    ? `/gateway/${api.suffix}/${version.name}`
    : `/gateway/${api.suffix}`;

/** The path of a backend's address, without a slash at its end. */
export const backendPathOf = ({ serviceUrl }: LiveRevision): string =>
  serviceUrl.pathname.replace(/\/+$/, '');

/** A path template as a regular expression for PCRE and RE2, with a group for each parameter. */
export const patternOf = (path: string): string =>
  path
    .split(/(\{[^{}/]+\})/)
    .map((part, at) => (at % 2 === 1 ? '([^/]+?)' : part.replace(/[.*+?^$()[\]|\\]/g, '\\$&')))
    .join('');

/** The scopes of each alternative as single lists of words: each holds one word for each scope. */
export function expanded(scopes: ExportedOperation['scopes']): string[][] {
  return scopes.flatMap((alternative) =>
    alternative.reduce<string[][]>(
      (lists, words) => lists.flatMap((list) => words.map((word) => [...list, word])),
      [[]],
    ),
  );
}
