import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Failure } from '../../../src/api/index.js';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import { heyApiGenerators } from '../../../src/codegen/generators/hey-api.js';
import { checkCodegenConfig } from '../../../src/codegen/generators/settings.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { QUIET } from './support.js';

/** What a call fails with: its status, and the fields with their messages. */
async function refusalOf(work: Promise<unknown>): Promise<[status: number, ...problems: [string, string][]]> {
  const failure: unknown = await work.catch((error: unknown) => error);
  assert.ok(failure instanceof Failure, String(failure));
  const problems = failure.data as { field: string; message: string }[];
  return [failure.status, ...problems.map(({ field, message }): [string, string] => [field, message])];
}

describe('the catalogue of generators', () => {
  let generators: OpenGenerators;
  before(() => (generators = openGenerators({}, QUIET)));
  after(() => generators.close());

  it('has the TypeScript clients, and the Koa stub', async () => {
    const shown = (await generators.clients()).map(({ name, language, engine, available }) => [
      name,
      language,
      engine,
      available,
    ]);
    assert.deepEqual(shown, [
      ['hey-api-fetch', 'typescript', 'hey-api', true],
      ['hey-api-axios', 'typescript', 'hey-api', true],
      ['hey-api-angular', 'typescript', 'hey-api', true],
    ]);
    assert.deepEqual(
      (await generators.servers()).map(({ name, engine }) => [name, engine]),
      [['gatehouse-koa', 'gatehouse']],
    );
  });

  for (const [older, name] of [
    ['typescript', 'hey-api-fetch'],
    ['angular2', 'hey-api-angular'],
  ] as const)
    it(`finds ${name} by its older name ${older}`, async () =>
      assert.equal((await generators.find(older))?.name, name));

  it('names generators with similar names where there is none', async () => {
    assert.equal(await generators.find('hey-api-fetsh'), undefined);
    assert.equal(await generators.find('__proto__'), undefined);
    const [status, problem] = await refusalOf(generators.check('hey-api-fetsh', {}));
    assert.equal(status, 422);
    assert.match(
      problem?.join() ?? '',
      /^genName,there is no generator "hey-api-fetsh"; use hey-api-fetch, /,
    );
  });

  it('says what to install where a generator is not available', () => {
    const [{ available, missing } = { available: undefined }] = heyApiGenerators(false);
    assert.deepEqual([available, missing], [false, 'npm install @hey-api/openapi-ts typescript']);
  });

  const REFUSED: [name: string, options: Record<string, unknown>, problem: [string, string]][] = [
    [
      'hey-api-fetch',
      { enums: 'java' },
      ['options/enums', 'must be one of "none", "javascript", "typescript"'],
    ],
    ['hey-api-fetch', { dates: 'yes' }, ['options/dates', 'must be true or false']],
    [
      'hey-api-angular',
      { throwOnError: true },
      [
        'options/throwOnError',
        'is not an option of hey-api-angular, which has operations, parameters, enums, dates, comments',
      ],
    ],
    ['gatehouse-koa', { port: 1 }, ['options/port', 'gatehouse-koa has no options; take it out']],
    [
      'gatehouse-koa',
      { constructor: 1 },
      ['options/constructor', 'gatehouse-koa has no options; take it out'],
    ],
  ];
  for (const [name, options, problem] of REFUSED)
    it(`refuses ${JSON.stringify(options)} for ${name}, and says what is allowed`, async () =>
      assert.deepEqual(await refusalOf(generators.check(name, options)), [422, problem]));
});

describe('the configuration of an OpenAPI Generator', () => {
  const REFUSED: [openapiGenerator: object, says: string][] = [
    [{}, 'codegen.openapiGenerator: must have either jar or url; set one of them'],
    [
      { jar: 'x.jar', url: 'https://gen.example.com' },
      'codegen.openapiGenerator: must have either jar or url; set one of them',
    ],
    [
      { jar: '/nowhere/x.jar' },
      'codegen.openapiGenerator.jar: "/nowhere/x.jar" is no file; give the path of the JAR',
    ],
    [
      { jar: packageRoot },
      `codegen.openapiGenerator.jar: "${packageRoot}" is no file; give the path of the JAR`,
    ],
    [
      { url: 'https://gen.example.com', java: 'java' },
      'codegen.openapiGenerator.java: has no use with url; remove it',
    ],
  ];
  for (const [openapiGenerator, message] of REFUSED)
    it(`is refused as ${JSON.stringify(openapiGenerator).replace(packageRoot, '<folder>')}`, () =>
      assert.throws(() => checkCodegenConfig({ codegen: { openapiGenerator } }), {
        name: 'ConfigError',
        message,
      }));

  it('is taken with a file', () =>
    checkCodegenConfig({ codegen: { openapiGenerator: { jar: join(packageRoot, 'package.json') } } }));
});
