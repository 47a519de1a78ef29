import { statSync } from 'node:fs';
import type { Config } from '../../config.js';
import { ConfigError } from '../../kernel/errors.js';

const KEY = 'codegen.openapiGenerator';

/** Refuses an OpenAPI Generator that cannot be used. @throws ConfigError */
export function checkCodegenConfig({ codegen: { openapiGenerator } }: Pick<Config, 'codegen'>): void {
  if (!openapiGenerator) return;
  const { jar, url, java } = openapiGenerator;
  if ((jar === undefined) === (url === undefined))
    throw new ConfigError(KEY, 'must have either jar or url; set one of them');
  if (url !== undefined && java !== undefined)
    throw new ConfigError(`${KEY}.java`, 'has no use with url; remove it');
  if (jar !== undefined && !statSync(jar, { throwIfNoEntry: false })?.isFile())
    throw new ConfigError(`${KEY}.jar`, `${JSON.stringify(jar)} is no file; give the path of the JAR`);
}
