import type * as Semver from 'semver';
import { Invalid } from '../../kernel/errors.js';
import { checkOutbound } from '../../kernel/outbound.js';
import { mayUsePlainHttp, type Reach } from '../../kernel/private-networks.js';
import { whenNeeded } from '../../kernel/when-needed.js';
import { refusedField } from '../failures.js';
import { isLicenseId } from '../licenses.js';
import { packageNameProblem } from '../package-name.js';
import { secretIn } from '../secrets.js';
import { branchProblem, ownerProblem, repositoryProblem } from './git-names.js';
import { LONGEST_README } from './schemas.js';
import type { Settings } from './types.js';

/** Checks of fields that a schema alone cannot make. Fields that a call does not send are not checked again. */

const semver = whenNeeded<typeof Semver>('semver');

type Check = (value: string, reach: Reach) => void;

const because =
  (field: string, problemOf: (value: string) => string | undefined): Check =>
  (value) => {
    const problem = problemOf(value);
    if (problem !== undefined) throw refusedField(field, 'format', problem);
  };

/** An address that this server calls, within the reach of the tenant as it is written. */
function reachable(field: string, value: string, reach: Reach): void {
  try {
    checkOutbound(field, value, reach);
  } catch (error) {
    throw error instanceof Invalid ? refusedField(field, 'private', error.message) : error;
  }
}

/**
 * An address that a token is sent to, and below which paths are added.
 * @throws Failure: 422
 */
export function baseAddress(field: string, value: string, reach: Reach): URL {
  const url = URL.parse(value);
  if (!url || url.username !== '' || url.password !== '' || /[?#]/.test(value))
    throw refusedField(field, 'format', 'must be an address without user, password, query and fragment');
  // A host that is out of reach has its own rule, whatever the protocol is.
  reachable(field, value, reach);
  if (!mayUsePlainHttp(reach, url))
    throw refusedField(
      field,
      'https',
      'must begin with https://, unless the operator allows it with outbound.allow',
    );
  return url;
}

const base =
  (field: string): Check =>
  (value, reach) =>
    void baseAddress(field, value, reach);

const NPM: Readonly<Record<string, Check>> = {
  sdkName: because('sdkName', packageNameProblem),
  version: because('version', (value) =>
    semver().valid(value) === value
      ? undefined
      : 'must be a version as semantic versioning writes it, such as 1.2.0',
  ),
  license: because('license', (value) =>
    isLicenseId(value) ? undefined : 'must be an id of https://spdx.org/licenses, such as MIT or Apache-2.0',
  ),
  README(value) {
    if (Buffer.byteLength(value) > LONGEST_README)
      throw refusedField('README', 'maxLength', 'must have at most 64 KiB in UTF-8');
  },
  registry: base('registry'),
};

const GITHUB: Readonly<Record<string, Check>> = {
  owner: because('owner', ownerProblem),
  repo: because('repo', repositoryProblem),
  branch: because('branch', branchProblem),
  remoteUrl: base('remoteUrl'),
  apiUrl: base('apiUrl'),
  swaggerUrl: (value, reach) => reachable('swaggerUrl', value, reach),
};

const COMMON: Readonly<Record<string, Check>> = { swaggerUrl: GITHUB['swaggerUrl'] as Check };

const CHECKS = { npm: NPM, github: GITHUB, common: COMMON };
const REQUIRED = { npm: ['name', 'sdkName'], github: ['owner', 'repo'], common: ['swaggerUrl'] };

/** @throws Failure: 422 */
export function checkSent(kind: keyof typeof CHECKS, sent: Settings, reach: Reach): void {
  for (const [field, check] of Object.entries(CHECKS[kind])) {
    const value = sent[field];
    if (typeof value === 'string') check(value, reach);
  }
}

/** @throws Failure: 422 where a field that is always there was not set yet */
export function checkRequired(kind: keyof typeof REQUIRED, settings: Settings): void {
  for (const field of REQUIRED[kind])
    if (settings[field] === undefined) throw refusedField(field, 'required', 'must be set the first time');
}

/** Texts that are published. */
const PUBLIC = ['name', 'author', 'description', 'homepage', 'README'];

/** @throws Failure: 422 where a text that is published has a secret in it */
export function checkTexts(settings: Settings, token: string | null): void {
  const keywords = settings['keywords'] as readonly string[] | undefined;
  const texts = { ...settings, keywords: keywords?.join('\n') };
  for (const field of [...PUBLIC, 'keywords']) {
    const text: unknown = texts[field as keyof typeof texts];
    const found = typeof text === 'string' ? secretIn(text, token) : undefined;
    if (found !== undefined)
      throw refusedField(
        field,
        'secret',
        `has ${found}; take it out, and revoke it if it was ever published`,
      );
  }
}
