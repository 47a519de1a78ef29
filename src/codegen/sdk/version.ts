import type * as Semver from 'semver';
import { BASIC, Failure } from '../../api/index.js';
import { whenNeeded } from '../../kernel/when-needed.js';
import type { Level } from './difference/index.js';

const semver = whenNeeded<typeof Semver>('semver');

/**
 * The version of the next release: the higher of the option's and the registry's, raised by what has changed since the last
 * release. Below 1.0.0 what breaks callers raises the minor number (https://semver.org, 4). A prerelease becomes its release.
 * @param level undefined for the first release, and where nothing has changed: it raises the last number.
 * @param latest the registry's; what is no version is left out.
 * @throws Failure 422 `version`
 */
export function nextVersion(option: string, latest: string | undefined, level: Level | undefined): string {
  const { gt, inc, lt, valid } = semver();
  const own = valid(option);
  if (own === null)
    throw refused(`"${option.slice(0, 100)}" is no version, such as 1.2.3: change it in NpmOptions`);
  const published = valid(latest ?? '');
  const last = published !== null && gt(published, own) ? published : own;
  const next = inc(last, level === 'major' && lt(last, '1.0.0') ? 'minor' : (level ?? 'patch'));
  if (next === null || valid(next) === null)
    throw refused(`"${last}" has no next version: set a lower one in NpmOptions`);
  return next;
}

const refused = (message: string): Failure =>
  new Failure(422, BASIC.unprocessable, { message, data: [{ field: 'version', rule: 'semver', message }] });
