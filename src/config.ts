import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ErrorObject } from 'ajv';
import type { FromSchema } from 'json-schema-to-ts';
import type { CONFIG_SCHEMA } from './config-schema.js';
import { validateConfig } from './config-validator.js';
import { readNetwork } from './kernel/addresses.js';
import { ConfigError } from './kernel/errors.js';
import { isFreeHeader } from './kernel/forwarded.js';
import { firstMistake } from './kernel/json-mistake.js';
import { parse } from './kernel/json.js';
import { isMailSender, MAIL_SENDER, smtpFromUrl } from './kernel/message-drivers.js';
import { readAllowEntry } from './kernel/outbound-entries.js';
import { schemaWords } from './kernel/schema-words.js';
import { packageRoot } from './kernel/root.js';
import { hasPlainHost } from './kernel/web-addresses.js';

type Mutable = FromSchema<typeof CONFIG_SCHEMA>;

/** The effective configuration: every key checked, defaults filled in, frozen. */
export type Config = Readonly<Mutable> & { readonly issuer: string; readonly production: boolean };

/** Seconds that anything of a sign-in lives at most: its revocation is kept for as long. */
export const longestLife = ({ lifetimes }: Pick<Config, 'lifetimes'>): number =>
  Math.max(lifetimes.accessTokenLongest, lifetimes.refreshTokenAbsolute);

type Reader = (value: string) => unknown;
const text: Reader = (value) => value;
const list: Reader = (value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
const integer: Reader = (value) => (/^-?\d+$/.test(value) ? Number(value) : value);

const ALLOW_LIST = 'outbound/allow';

/** Environment variable → where it goes in the configuration, and how its text is read. */
const ENVIRONMENT: Record<string, { path: string; read: Reader }> = {
  PORT: { path: 'port', read: integer },
  HOST: { path: 'host', read: text },
  GATEHOUSE_ISSUER: { path: 'issuer', read: text },
  GATEHOUSE_DATA_DIR: { path: 'dataDir', read: text },
  DATABASE_URL: { path: 'databaseUrl', read: text },
  GATEHOUSE_MASTER_KEY: { path: 'masterKey', read: text },
  GATEHOUSE_NEW_MASTER_KEY: { path: 'newMasterKey', read: text },
  GATEHOUSE_ADMIN_USER: { path: 'admin/user', read: text },
  GATEHOUSE_ADMIN_PASSWORD: { path: 'admin/password', read: text },
  GATEHOUSE_CLIENT_ID: { path: 'client/id', read: text },
  GATEHOUSE_CLIENT_SECRET: { path: 'client/secret', read: text },
  GATEHOUSE_MQTT_APP_ID: { path: 'mqtt/appId', read: text },
  GATEHOUSE_MQTT_APP_SECRET: { path: 'mqtt/appSecret', read: text },
  GATEHOUSE_TRUST_PROXY: { path: 'trustProxy', read: list },
  GATEHOUSE_OUTBOUND_ALLOW: { path: ALLOW_LIST, read: list },
  GATEHOUSE_METRICS_HOST: { path: 'metrics/host', read: text },
  GATEHOUSE_METRICS_PORT: { path: 'metrics/port', read: integer },
  GATEHOUSE_SMTP_URL: { path: 'messaging/smtpUrl', read: text },
  GATEHOUSE_MAIL_FROM: { path: 'messaging/mailFrom', read: text },
  LOG_LEVEL: { path: 'log/level', read: text },
};

/** The keys whose values `gatehouse doctor` never shows. */
export const SECRET_KEYS: readonly string[] = [
  'masterKey',
  'newMasterKey',
  'admin/password',
  'client/secret',
  'mqtt/appSecret',
  'databaseUrl',
  'messaging/smtpUrl',
  'messaging/mail',
  'messaging/sms',
  'codes/challenge',
  'files/s3',
];

interface Source {
  values: Record<string, unknown>;
  /** Says how the person who wrote the key knows it: the environment variable, or the file and the key in it. */
  name(path: string): string;
}

/** @throws ConfigError, which quotes nothing of the file: there may be secrets in it */
function jsonIn(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, `cannot be read (${(error as Error).message})`);
  }
  try {
    return parse(text);
  } catch {
    const line = text.slice(0, firstMistake(text)).split('\n').length;
    throw new ConfigError(file, `is not JSON from line ${line} on; correct it or remove it`);
  }
}

function fromFile(file: string): Source {
  const values = jsonIn(file);
  if (values === null || typeof values !== 'object' || Array.isArray(values))
    throw new ConfigError(file, 'must hold one JSON object');
  return {
    values: values as Record<string, unknown>,
    name: (path) => `${path.replaceAll('/', '.')} (in ${file})`,
  };
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Source {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(environment))
    if (key.startsWith('GATEHOUSE_') && !(key in ENVIRONMENT))
      throw new ConfigError(
        key,
        `is not a key of Gatehouse; remove it, or use one of ${Object.keys(ENVIRONMENT).join(', ')}`,
      );
  for (const [key, { path, read }] of Object.entries(ENVIRONMENT)) {
    const raw = environment[key];
    if (raw === undefined || raw === '') continue;
    const [parent, child] = path.split('/') as [string, string | undefined];
    if (child === undefined) values[parent] = read(raw);
    else values[parent] = { ...(values[parent] as object | undefined), [child]: read(raw) };
  }
  const variable = new Map(Object.entries(ENVIRONMENT).map(([key, { path }]) => [path, key]));
  return { values, name: (path) => variable.get(path) ?? path };
}

function merge(target: Record<string, unknown>, source: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(source)) {
    const current = Object.hasOwn(target, key) ? target[key] : undefined;
    const nested = [value, current].every(
      (side) => side !== null && typeof side === 'object' && !Array.isArray(side),
    );
    if (nested) merge(current as Record<string, unknown>, value as Record<string, unknown>);
    // An own key whatever it is called: "__proto__" is then refused like any other that is not known.
    else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  }
}

const has = (values: unknown, path: string): boolean =>
  path
    .split('/')
    .reduce<unknown>(
      (at, key) =>
        at !== null && typeof at === 'object' && Object.hasOwn(at, key)
          ? (at as Record<string, unknown>)[key]
          : undefined,
      values,
    ) !== undefined;

function explain(error: ErrorObject, sources: Source[]): ConfigError {
  const { additionalProperty, missingProperty, tag } = error.params as {
    additionalProperty?: string;
    missingProperty?: string;
    tag?: string;
  };
  const under = error.instancePath.slice(1);
  const path = [under, additionalProperty ?? missingProperty ?? tag].filter(Boolean).join('/');
  const source =
    sources.findLast(({ values }) => has(values, path)) ??
    sources.findLast(({ values }) => has(values, under)) ??
    sources[0];
  const name = source?.name(path) ?? path;
  if (additionalProperty !== undefined)
    return new ConfigError(name, 'is not a key of Gatehouse; remove it (README.md has the list)');
  if (missingProperty !== undefined) return new ConfigError(name, 'is missing; add it');
  return new ConfigError(name, `${schemaWords(error)}; correct it`);
}

const isLocalName = (hostname: string): boolean =>
  hostname === 'localhost' ||
  hostname.endsWith('.localhost') ||
  hostname === '127.0.0.1' ||
  hostname === '[::1]';

/** Whether an origin's host is this machine, where plain http is acceptable because nothing leaves it. */
export const isLocalHost = (host: string): boolean => isLocalName(host.replace(/:\d+$/, ''));

/** Whether an issuer is somebody's own machine, where messages may be shown instead of sent. */
export const isForDevelopment = ({ production }: Pick<Config, 'production'>, issuer: string): boolean =>
  !production && isLocalHost(new URL(issuer).host);

function checkIssuer(issuer: string): string {
  const url = URL.parse(issuer);
  const advice = 'must be an origin such as https://id.example.com: no path, query or trailing slash';
  if (!url || url.origin !== issuer || url.port === '0' || !hasPlainHost(url))
    throw new ConfigError('GATEHOUSE_ISSUER', advice);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocalName(url.hostname)))
    throw new ConfigError('GATEHOUSE_ISSUER', 'must begin with https:// (plain http is for localhost only)');
  return issuer;
}

const NETWORKS = 'an address or a CIDR such as 10.0.0.0/8';
const WAYS =
  'an address, a CIDR or a name, each with a port or without, and before it a tenant and @ or nothing, such as 127.0.0.1:9001, [::1]:9001, backend.internal:8080 or acme@10.1.0.0/16';

/** Checks entries of a list one by one. @throws ConfigError naming the key */
function checkEach(
  entries: readonly string[],
  key: string,
  isRight: (entry: string) => boolean,
  expected: string,
): void {
  const wrong = entries.find((entry) => !isRight(entry));
  if (wrong !== undefined)
    throw new ConfigError(key, `${JSON.stringify(wrong)} is not ${expected}; correct it`);
}

function checkCountries(countries: readonly string[]): void {
  if (countries.length === 0) return;
  const known = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  for (const country of countries)
    if (known.of(country) === undefined)
      throw new ConfigError('codes.countries', `"${country}" is no country of ISO 3166-1; correct it`);
}

/** The mail server of the environment, as a driver's settings. */
function smtpIn({ smtpUrl, mailFrom }: Mutable['messaging']): Pick<Mutable['messaging'], 'mail'> {
  if (mailFrom !== undefined && !isMailSender(mailFrom))
    throw new ConfigError('GATEHOUSE_MAIL_FROM', MAIL_SENDER);
  if (smtpUrl === undefined) return {};
  if (mailFrom === undefined)
    throw new ConfigError(
      'GATEHOUSE_MAIL_FROM',
      'must say who mail is from, such as "Example <no-reply@example.com>", where GATEHOUSE_SMTP_URL is set',
    );
  const mail = smtpFromUrl(smtpUrl, mailFrom);
  if (!mail)
    throw new ConfigError(
      'GATEHOUSE_SMTP_URL',
      'must be smtps://user:password@host:port (signs of the user and the password percent-encoded), smtp:// for STARTTLS, or smtp+insecure:// for none',
    );
  return { mail };
}

function freeze<T extends object>(value: T): T {
  for (const member of Object.values(value))
    if (member !== null && typeof member === 'object') freeze(member as object);
  return Object.freeze(value);
}

/**
 * Reads `config/default.json`, `config/<NODE_ENV>.json` and the environment, in that order, into one frozen object.
 * The package's own `config/` comes first, then `config/` of the folder that the process was started in.
 * @throws ConfigError naming the key, on the first thing that is wrong.
 */
export function loadConfig(
  environment: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): Config {
  const stage = environment['NODE_ENV'] || 'development';
  const folders = [...new Set([join(packageRoot, 'config'), join(cwd, 'config')])];
  const files = [`default.json`, `${stage}.json`].flatMap((file) =>
    folders.map((folder) => join(folder, file)),
  );
  const sources = [...files.filter((file) => existsSync(file)).map(fromFile), fromEnvironment(environment)];
  const values: Record<string, unknown> = {};
  for (const source of sources) merge(values, structuredClone(source.values));
  if (!validateConfig(values)) throw explain(validateConfig.errors?.[0] as ErrorObject, sources);
  const checked = values as Mutable;
  checkEach(
    checked.trustProxy,
    'GATEHOUSE_TRUST_PROXY',
    (entry) => readNetwork(entry) !== undefined,
    NETWORKS,
  );
  const key = sources.findLast(({ values }) => has(values, ALLOW_LIST))?.name(ALLOW_LIST) ?? ALLOW_LIST;
  checkEach(checked.outbound.allow, key, (entry) => readAllowEntry(entry) !== undefined, WAYS);
  checkCountries(checked.codes.countries);
  const { header } = checked.mtls;
  if (!isFreeHeader(header))
    throw new ConfigError(
      'mtls.header',
      `"${header}" has another use; set one of its own, such as client-cert`,
    );
  if (checked.keys.publishSeconds >= checked.keys.rotationDays * 86_400)
    throw new ConfigError('keys.publishSeconds', 'must be less than keys.rotationDays; lower it');
  const { mail } = checked.messaging;
  if (mail?.driver === 'smtp' && !isMailSender(mail.from))
    throw new ConfigError('messaging.mail.from', MAIL_SENDER);
  return freeze({
    ...checked,
    messaging: { ...checked.messaging, ...smtpIn(checked.messaging) },
    dataDir: resolve(cwd, checked.dataDir),
    issuer: checkIssuer(checked.issuer ?? `http://localhost:${checked.port}`),
    production: stage === 'production',
  });
}
