import { BASIC, Failure, type CallTenant } from '../../api/index.js';
import { Invalid } from '../../kernel/errors.js';
import { checkOutbound } from '../../kernel/outbound.js';
import { mayUsePlainHttp, type Reach } from '../../kernel/private-networks.js';
import { CODEGEN_CODES } from '../codes.js';
import { packageNameProblem } from '../package-name.js';
import type { Generator, Generators } from '../types.js';
import { hasSecret } from './secrets.js';
import type { NpmOptions } from './types.js';

/** Checks what a release is asked for, before anything is generated. */

const refused = (field: string, rule: string, message: string): Failure =>
  new Failure(422, BASIC.unprocessable, {
    message: `${field}: ${message}`,
    data: [{ field, rule, message }],
  });

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
  throw refused('platform', 'platform', message);
}

/** The client that a release is made by. @throws Failure 422 `language` */
export async function clientFor(generators: Generators, language: string): Promise<Generator> {
  const generator = await generators.find(language);
  const isClient = generator && (await generators.clients()).some(({ name }) => name === generator.name);
  if (!generator || !isClient)
    throw refused('language', 'language', `there is no client "${language}"; see /api/CodeGen/Clients`);
  if (generator.language !== 'typescript')
    throw refused('language', 'language', `packages of npm are made of TypeScript, and "${language}" is not`);
  if (!generator.available)
    throw refused('language', 'available', generator.missing ?? 'it is not installed');
  return generator;
}

/** @throws Failure 422 200002 where they are not set, 422 for what cannot be published */
export function checkOptions(
  options: NpmOptions | undefined,
  reach: Reach,
): { options: NpmOptions; registry: URL } {
  if (!options)
    throw new Failure(422, CODEGEN_CODES.npmOptionsMissing, {
      message: 'the npm options of this API and language are not set: PUT them first',
    });
  const problem = packageNameProblem(options.sdkName);
  if (problem !== undefined) throw refused('sdkName', 'name', problem);
  for (const field of ['README', 'description', 'homepage', 'author'] as const)
    if (hasSecret(options[field] ?? '', options.token ?? undefined))
      throw refused(
        field,
        'secret',
        'has the token of the registry in it; take it out, and make another token',
      );
  return { options, registry: registryOf(options.registry, reach) };
}

function registryOf(address: string, reach: Reach): URL {
  const registry = URL.parse(address);
  if (!registry || registry.username !== '' || registry.password !== '' || registry.search !== '')
    throw refused('registry', 'format', 'must be a web address without user, password and query');
  if (!mayUsePlainHttp(reach, registry))
    throw refused(
      'registry',
      'https',
      'must begin with https://, unless the operator allows it with outbound.allow',
    );
  try {
    checkOutbound('registry', registry.href, reach);
  } catch (error) {
    throw error instanceof Invalid ? refused('registry', 'private', error.message) : error;
  }
  registry.hash = '';
  if (!registry.pathname.endsWith('/')) registry.pathname += '/';
  return registry;
}

/** What the reach of a tenant is decided by. */
export type ReachOf = (tenant: CallTenant) => Reach;
