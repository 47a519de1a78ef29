import { refusedField } from '../failures.js';
import type { Generator, Generators } from '../types.js';
import { checkAvailable } from './catalogue.js';

/** The generator that a name means, for what is set or started now and generates later. */

/**
 * A generator that this server can run.
 * @param field that names it
 * @throws Failure 422 with the field
 */
export async function availableGenerator(
  generators: Pick<Generators, 'find'>,
  name: string,
  field: string,
): Promise<Generator> {
  const generator = await generators.find(name);
  if (!generator)
    throw refusedField(
      field,
      'unknown',
      `there is no generator ${JSON.stringify(name)}; see /api/CodeGen/Clients`,
    );
  checkAvailable(generator, field);
  return generator;
}

/** The client that a package of npm is made by. @throws Failure 422 `language` */
export async function clientFor(
  generators: Pick<Generators, 'find' | 'clients'>,
  language: string,
): Promise<Generator> {
  const generator = await availableGenerator(generators, language, 'language');
  const refused = (message: string) => refusedField('language', 'language', message);
  const isClient = (await generators.clients()).some(({ name }) => name === generator.name);
  if (!isClient) throw refused(`"${generator.name}" makes no client; see /api/CodeGen/Clients`);
  if (generator.language !== 'typescript')
    throw refused(`packages of npm are made of TypeScript, and "${generator.name}" is not`);
  return generator;
}
