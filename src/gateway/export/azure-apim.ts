import type { LiveApi, LiveProduct } from '../types.js';
import {
  apiPolicy,
  isClaimable,
  isExportedQuota,
  isExportedRate,
  productPolicy,
  validateJwt,
} from './azure-policy.js';
import {
  exportable,
  slugOf,
  titleOf,
  type ExportedOperation,
  type ExportedVersion,
  type Refusal,
} from './requirements.js';
import type { ExportSource, LeftOut } from './source.js';

const API_VERSION = '2022-08-01';

/** Azure takes 800 resources in a template. */
const MOST_RESOURCES = 800;

const refusal: Refusal = ({ revision }, { steps, scopes }) => {
  if (!isClaimable(scopes)) return 'it has alternatives of several scopes';
  if (steps.ipFilter) return 'its policy ipFilter is not exported';
  const common = revision.policy ?? {};
  for (const step of ['cors', 'setHeader'] as const)
    if (JSON.stringify(steps[step]) !== JSON.stringify(common[step]))
      return `its policy ${step} is another than the API's`;
  return undefined;
};

/** An expression of the template's own; all other text is literal. */
class Expression {
  constructor(readonly text: string) {}
}

type Value = string | number | boolean | Expression | readonly Value[] | { readonly [name: string]: Value };

/** Text that begins with `[` is an expression in a template, unless it begins with two. */
function literal(value: Value): unknown {
  if (typeof value === 'string') return value.startsWith('[') ? `[${value}` : value;
  if (value instanceof Expression) return `[${value.text}]`;
  if (Array.isArray(value)) return value.map((each: Value) => literal(each));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, literal(each)]));
}

interface Resource {
  /** Below `Microsoft.ApiManagement/service`, such as `apis/operations`. */
  type: string;
  /** One name for each part of the type: letters, digits, `-`, `_` and `.`. */
  names: readonly string[];
  properties: Readonly<Record<string, Value>>;
  dependsOn?: readonly Expression[];
}

const NAME = /^[A-Za-z0-9._-]{1,80}$/;

function nameIn(names: readonly string[]): string {
  if (!names.every((name) => NAME.test(name))) throw new Error('a name of a resource has unusual characters');
  return names.map((name) => `'${name}'`).join(', ');
}

const idOf = (type: string, names: readonly string[]): Expression =>
  new Expression(
    `resourceId('Microsoft.ApiManagement/service/${type}', parameters('apimServiceName'), ${nameIn(names)})`,
  );

const written = ({ type, names, properties, dependsOn = [] }: Resource): Record<string, Value> => ({
  type: `Microsoft.ApiManagement/service/${type}`,
  apiVersion: API_VERSION,
  name: new Expression(
    `concat(parameters('apimServiceName'), ${names.map((name) => `'/', ${nameIn([name])}`).join(', ')})`,
  ),
  properties,
  ...(dependsOn.length > 0 && { dependsOn }),
});

/** An ARM template for Azure API Management. */
export async function exportAzure(source: ExportSource): Promise<string> {
  const { versions, leftOut } = await exportable(source, refusal);
  const products = new Map(
    versions.flatMap(({ version }) => version.products).map((product) => [product.id, product]),
  );
  const shared = [...versionSets(source.apis), ...[...products.values()].flatMap(productResources)];
  const resources = [...shared];
  for (const version of versions) {
    const own = apiResources(version);
    if (resources.length + own.length > MOST_RESOURCES)
      leftOut.push({
        what: titleOf(version),
        why: `a template takes ${MOST_RESOURCES} resources; export it with --api`,
      });
    else if (version.operations.length > 0) resources.push(...own);
  }
  leftOut.push(...versions.flatMap(limitsLeftOut), ...[...products.values()].flatMap(productLimitsLeftOut));
  const template = {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    metadata: {
      generator: 'gatehouse gateway export azure-apim',
      tokens: 'Checked by validate-jwt, without revocation, DPoP and permissions.',
      notExported: leftOut.map(({ what, why }) => `${what}: ${why}`),
    },
    parameters: { apimServiceName: { type: 'string' } },
    resources: resources.map(written),
  };
  return `${JSON.stringify(literal(template), null, 2)}\n`;
}

const setName = ({ id }: LiveApi): string => `gatehouse-${id}`;

const versionSets = (apis: readonly LiveApi[]): Resource[] =>
  apis
    .filter(({ versions }) => versions.size > 1)
    .map((api) => ({
      type: 'apiVersionSets',
      names: [setName(api)],
      properties: {
        displayName: api.name,
        versioningScheme: { path: 'Segment', header: 'Header', query: 'Query' }[api.scheme.in],
        ...(api.scheme.in === 'header' && { versionHeaderName: api.scheme.name }),
        ...(api.scheme.in === 'query' && { versionQueryName: api.scheme.name }),
      },
    }));

const productName = ({ id }: LiveProduct): string => `gatehouse-${id}`;

function productResources(product: LiveProduct): Resource[] {
  const { name, subscriptionRequired, rateLimit, quota } = product;
  const id = productName(product);
  const limits = {
    rateLimit: rateLimit && { ...rateLimit, by: 'key' as const },
    quota: quota && { ...quota, by: 'key' as const },
  };
  return [
    {
      type: 'products',
      names: [id],
      properties: { displayName: name, subscriptionRequired, state: 'published' },
    },
    {
      type: 'products/policies',
      names: [id, 'policy'],
      properties: { format: 'xml', value: productPolicy(limits) },
      dependsOn: [idOf('products', [id])],
    },
  ];
}

function apiResources(exported: ExportedVersion): Resource[] {
  const { api, version, revision } = exported;
  const id = slugOf(exported);
  const inSet = api.versions.size > 1;
  const ids = exported.operations.map((_, at) => `op-${at + 1}`);
  return [
    {
      type: 'apis',
      names: [id],
      properties: {
        displayName: titleOf(exported),
        path: `gateway/${api.suffix}`,
        protocols: ['https'],
        serviceUrl: revision.serviceUrl.href.replace(/\/$/, ''),
        subscriptionRequired: exported.productKey,
        subscriptionKeyParameterNames: { header: 'Ocp-Apim-Subscription-Key', query: 'subscription-key' },
        ...(inSet && { apiVersionSetId: idOf('apiVersionSets', [setName(api)]) }),
        ...(version.name !== '' && { apiVersion: version.name }),
      },
      ...(inSet && { dependsOn: [idOf('apiVersionSets', [setName(api)])] }),
    },
    ...exported.operations.map(({ operation: { method, path, key } }, at): Resource => ({
      type: 'apis/operations',
      names: [id, ids[at] as string],
      properties: {
        displayName: key.slice(0, 300),
        method,
        urlTemplate: path,
        templateParameters: [...new Set(path.match(/\{[^{}/]+\}/g))].map((name) => ({
          name: name.slice(1, -1),
          type: 'string',
          required: true,
        })),
      },
      dependsOn: [idOf('apis', [id])],
    })),
    {
      type: 'apis/policies',
      names: [id, 'policy'],
      properties: { format: 'xml', value: policyOf(exported, ids) },
      dependsOn: [idOf('apis', [id]), ...ids.map((each) => idOf('apis/operations', [id, each]))],
    },
    ...version.products.map((product): Resource => ({
      type: 'products/apis',
      names: [productName(product), id],
      properties: {},
      dependsOn: [idOf('products', [productName(product)]), idOf('apis', [id])],
    })),
  ];
}

/** One policy for the whole API: operations that demand the same are checked together. */
function policyOf(version: ExportedVersion, ids: readonly string[]): string {
  const byPolicy = new Map<string, string[]>();
  version.operations.forEach((operation: ExportedOperation, at) => {
    const policy = validateJwt(operation);
    byPolicy.set(policy, [...(byPolicy.get(policy) ?? []), ids[at] as string]);
  });
  return apiPolicy({
    version,
    checks: [...byPolicy].map(([policy, which]) => ({ ids: which, policy })),
    shared: version.operations[0],
  });
}

const RATE = 'rateLimit is not exported: Azure counts in 300 s at most';
const QUOTA = 'quota is not exported: Azure has no month';

function limitsLeftOut(version: ExportedVersion): LeftOut[] {
  const what = titleOf(version);
  return [
    ...(version.rateLimit && !isExportedRate(version.rateLimit) ? [{ what, why: RATE }] : []),
    ...(version.quota && !isExportedQuota(version.quota) ? [{ what, why: QUOTA }] : []),
  ];
}

function productLimitsLeftOut({ name, rateLimit, quota }: LiveProduct): LeftOut[] {
  const what = `product ${name}`;
  return [
    ...(rateLimit && !isExportedRate(rateLimit) ? [{ what, why: RATE }] : []),
    ...(quota && !isExportedQuota(quota) ? [{ what, why: QUOTA }] : []),
  ];
}
