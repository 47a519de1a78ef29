import type { Quota, RateLimit } from '../types.js';
import type { ExportedOperation, ExportedVersion } from './requirements.js';
import { FORGED } from './source.js';

/** Policies of Azure API Management, as XML. Values of a tenant's are escaped, and never read as expressions. */

const xml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');

/**
 * A value for a policy. `@(` begins an expression, and `{{name}}` stands for a named value: text with such characters is written as
 * an expression of its own, in which only letters, digits and a few signs stand for themselves.
 */
export function policyValue(text: string): string {
  if (!text.startsWith('@') && !text.includes('{{')) return xml(text);
  const characters = text.replace(
    /[^A-Za-z0-9 ._:/-]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return xml(`@("${characters}")`);
}

/** What calls are counted by, as an expression. */
const COUNTERS: Readonly<Record<NonNullable<RateLimit['by']>, string>> = {
  address: 'context.Request.IpAddress',
  api: 'context.Api.Id',
  key: 'context.Subscription?.Id ?? context.Request.IpAddress',
  client:
    'context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Claims.GetValueOrDefault("client_id", context.Request.IpAddress) ?? context.Request.IpAddress',
  user: 'context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Subject ?? context.Request.IpAddress',
};

const counter = (by: RateLimit['by']): string => xml(`@(${COUNTERS[by ?? 'client']})`);

/** Azure counts in windows of five minutes at most. */
const LONGEST_WINDOW = 300;
const PERIODS: Readonly<Record<Quota['period'], number | undefined>> = {
  hour: 3600,
  day: 86_400,
  week: 604_800,
  month: undefined,
};

export const isExportedRate = ({ seconds }: RateLimit): boolean => seconds <= LONGEST_WINDOW;
export const isExportedQuota = ({ period }: Quota): boolean => PERIODS[period] !== undefined;

export function limitPolicies({ rateLimit, quota }: Pick<ExportedVersion, 'rateLimit' | 'quota'>): string[] {
  const rate =
    rateLimit && isExportedRate(rateLimit)
      ? `<rate-limit-by-key calls="${rateLimit.calls}" renewal-period="${rateLimit.seconds}" counter-key="${counter(rateLimit.by)}" />`
      : undefined;
  const period = quota && PERIODS[quota.period];
  const total =
    quota && period !== undefined
      ? `<quota-by-key calls="${quota.calls}" renewal-period="${period}" counter-key="${counter(quota.by)}" />`
      : undefined;
  return [rate, total].flatMap((each) => each ?? []);
}

/** The scopes as claims: all of one alternative, or any of alternatives of one scope each. */
export function claimsOf(scopes: ExportedOperation['scopes']): string[] {
  const claim = (words: readonly string[]): string =>
    [
      '<claim name="scope" match="any" separator=" ">',
      ...[...new Set(words)].map((word) => `<value>${policyValue(word)}</value>`),
      '</claim>',
    ].join('');
  if (scopes.length === 1) return (scopes[0] ?? []).map(claim);
  return [claim(scopes.flatMap((alternative) => alternative[0] ?? []))];
}

/** Whether `claimsOf` can say it. */
export const isClaimable = (scopes: ExportedOperation['scopes']): boolean =>
  scopes.length === 1 || scopes.every((alternative) => alternative.length === 1);

export function validateJwt({ token, scopes }: ExportedOperation): string {
  if (!token) return '';
  const claims = claimsOf(scopes);
  return [
    '<validate-jwt header-name="Authorization" require-scheme="Bearer" failed-validation-httpcode="401">',
    `<openid-config url="${policyValue(`${token.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)}" />`,
    `<audiences><audience>${policyValue(token.audience)}</audience></audiences>`,
    `<issuers><issuer>${policyValue(token.issuer)}</issuer></issuers>`,
    claims.length > 0 ? `<required-claims>${claims.join('')}</required-claims>` : '',
    '</validate-jwt>',
  ].join('');
}

const deleted = (name: string): string => `<set-header name="${policyValue(name)}" exists-action="delete" />`;

export const setHeaders = (headers: Readonly<Record<string, string | null>>): string[] =>
  Object.entries(headers).map(([name, value]) =>
    value === null
      ? deleted(name)
      : `<set-header name="${policyValue(name)}" exists-action="override"><value>${policyValue(value)}</value></set-header>`,
  );

const list = (name: string, item: string, values: readonly string[]): string =>
  `<${name}>${values.map((value) => `<${item}>${policyValue(value)}</${item}>`).join('')}</${name}>`;

function corsPolicy({ steps: { cors } }: ExportedOperation): string {
  if (!cors) return '';
  const {
    origins,
    methods = ['*'],
    headers = ['*'],
    exposeHeaders = [],
    credentials = false,
    maxAge = 600,
  } = cors;
  return [
    `<cors allow-credentials="${credentials}">`,
    list('allowed-origins', 'origin', origins),
    `<allowed-methods preflight-result-max-age="${maxAge}">`,
    methods.map((method) => `<method>${policyValue(method)}</method>`).join(''),
    '</allowed-methods>',
    list('allowed-headers', 'header', headers),
    exposeHeaders.length > 0 ? list('expose-headers', 'header', exposeHeaders) : '',
    '</cors>',
  ].join('');
}

export interface PolicyParts {
  version: ExportedVersion;
  /** Operations by what they demand: ids of operations, and the policy that checks it. */
  checks: readonly { ids: readonly string[]; policy: string }[];
  /** The steps that all operations have in common; those of the first one. */
  shared: ExportedOperation | undefined;
}

/** The policy of an API: its checks come first. An operation that none names is refused. */
export function apiPolicy({ version, checks, shared }: PolicyParts): string {
  const whens = checks.map(
    ({ ids, policy }) =>
      `<when condition="${xml(`@(new [] { ${ids.map((id) => `"${id}"`).join(', ')} }.Contains(context.Operation.Id))`)}">${policy}</when>`,
  );
  const refused = '<return-response><set-status code="404" reason="Not Found" /></return-response>';
  const passes = version.version.passToken || version.version.authServer === 'none';
  return [
    '<policies><inbound><base />',
    shared ? corsPolicy(shared) : '',
    `<choose>${whens.join('')}<otherwise>${refused}</otherwise></choose>`,
    ...limitPolicies(version),
    ...FORGED.map(deleted),
    ...(passes ? [] : ['Authorization', 'DPoP'].map(deleted)),
    ...setHeaders(shared?.steps.setHeader?.request ?? {}),
    '</inbound><backend><forward-request timeout="30" buffer-request-body="false" buffer-response="false" /></backend>',
    '<outbound><base />',
    ...setHeaders(shared?.steps.setHeader?.response ?? {}),
    '</outbound><on-error><base /></on-error></policies>',
  ].join('');
}

export const productPolicy = (limits: Pick<ExportedVersion, 'rateLimit' | 'quota'>): string =>
  [
    '<policies><inbound><base />',
    ...limitPolicies(limits),
    '</inbound><backend><base /></backend><outbound><base /></outbound><on-error><base /></on-error></policies>',
  ].join('');
