import { Failure, type CallTenant } from '../../api/index.js';
import type { Reach } from '../../kernel/private-networks.js';
import { CODEGEN_CODES } from '../codes.js';
import { refusedField } from '../failures.js';
import { baseAddress, type NpmOptions } from '../options/index.js';

/** Checks what a release is asked for, before anything is generated. */

const NEEDED: Readonly<Record<string, string>> = {
  nuget: 'the .NET SDK, which builds the package',
  gradle: 'a JDK with Gradle, which builds the package',
  pypi: 'Python with build and twine, which build and upload the package',
  spm: 'a Git repository with version tags, which Swift packages are read from',
};

/** @throws Failure 422 `platform` */
export function checkPlatform(platform: string): void {
  if (platform === 'npm') return;
  const needed = Object.hasOwn(NEEDED, platform) ? NEEDED[platform] : undefined;
  const message =
    needed === undefined
      ? 'must be npm'
      : `this version publishes to npm only; ${platform} needs ${needed}, and Gatehouse has no support for it`;
  throw refusedField('platform', 'platform', message);
}

/** @throws Failure 422 200002 where they are not set, 422 where their registry is out of reach */
export function checkOptions(
  options: NpmOptions | undefined,
  language: string,
  reach: Reach,
): { options: NpmOptions; registry: URL } {
  if (!options)
    throw new Failure(422, CODEGEN_CODES.npmOptionsMissing, {
      message: `the npm options of this API and ${language} are not set: PUT /api/CodeGen/{id}/NpmOptions/${language} first`,
    });
  // The reach may have changed since they were set.
  const registry = baseAddress('registry', options.registry, reach);
  if (!registry.pathname.endsWith('/')) registry.pathname += '/';
  return { options, registry };
}

/** What the reach of a tenant is decided by. */
export type ReachOf = (tenant: CallTenant) => Reach;
