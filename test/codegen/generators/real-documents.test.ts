import assert from 'node:assert/strict';
import { Failure } from '../../../src/api/index.js';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import { naming } from '../../../src/codegen/origin.js';
import { JOB_MILLISECONDS } from '../../../src/codegen/process/index.js';
import { compile } from '../../../src/codegen/sdk/check.js';
import { openApiOf } from '../../../src/codegen/source.js';
import type { OpenApi } from '../../../src/codegen/types.js';
import { documents } from '../../support/documents.js';
import { often, someOf } from '../../support/profile.js';
import { example, EXAMPLE_NAMES, galaxy, github, REFUSED } from '../../support/real-documents.js';
import { QUIET } from './support.js';

const STYLES = ['/anything/query/spaceDelimited', '/anything/query/pipeDelimited'];

/** A client that compiles cannot be made of them: the lines of the operations that are to blame, each of `STYLES`. */
const FAILING: Readonly<Record<string, [space: number, pipe: number, column: number]>> = {
  '3.0/json/parameters-style.json': [920, 966, 7],
  '3.0/yaml/parameters-style.yaml': [690, 727, 5],
  '3.1/json/parameters-style.json': [840, 881, 7],
  '3.1/yaml/parameters-style.yaml': [658, 693, 5],
};
const ADVICE =
  'give query parameters that are objects the style "form" or "deepObject", which the client can write';

/** The gateway's test says in which lines these are refused; nothing is generated of them. */
const readable = EXAMPLE_NAMES.filter((name) => !Object.hasOwn(REFUSED, name));
const [firstFailing = '', ...otherFailing] = Object.keys(FAILING);
const SHORT_PART = 40;
/** It has more than 1,000 operations, which take the library and the compiler minutes on a slow machine. */
const GITHUB_MS = 20 * 60_000;

describe('clients of real documents', () => {
  let generators: OpenGenerators;
  before(() => (generators = openGenerators({}, QUIET)));
  after(() => generators.close());

  /** Most documents are there as JSON and as YAML: a client of both is made once. */
  const made = new Map<string, Promise<unknown>>();
  function clientOf(document: OpenApi): Promise<unknown> {
    const key = JSON.stringify(document);
    const known = made.get(key);
    const work = known ?? generateAndCompile(document);
    made.set(key, work);
    return work;
  }
  async function generateAndCompile(document: OpenApi): Promise<unknown> {
    const order = { generator: 'hey-api-fetch', document, options: {} };
    const code = await generators.generate(order, { milliseconds: JOB_MILLISECONDS });
    return compile(code, [], { document });
  }

  /** As a release makes it. */
  async function release(text: string): Promise<unknown> {
    const document = openApiOf(await documents.prepare({ text }));
    const origin = { field: 'document', text: () => Promise.resolve(text) } as const;
    return naming(documents, origin, () => clientOf(document));
  }

  const compiling = readable.filter((name) => !Object.hasOwn(FAILING, name));
  for (const name of someOf(compiling, 0, SHORT_PART))
    it(`compile: ${name}`, async () => void (await release(example(name))));

  for (const file of someOf(['3.1.json', '3.1.yaml'] as const, 0, 2))
    it(`compile: Scalar Galaxy, ${file}`, async () => void (await release(galaxy(file))));

  for (const text of often({ short: [], long: [github] }))
    it('compile: GitHub’s', async () => void (await release(text()))).timeout(GITHUB_MS);

  for (const name of [firstFailing, ...often({ short: [], long: otherFailing })])
    it(`fail, and name the lines of the operations to change: ${name}`, async () => {
      const failure: unknown = await release(example(name)).catch((error: unknown) => error);
      assert.ok(failure instanceof Failure, String(failure));
      const [space, pipe, column] = FAILING[name] ?? assert.fail();
      assert.deepEqual([failure.status, failure.code.code], [422, 200006]);
      assert.equal(failure.message, `document, line ${space}: change GET ${STYLES[0]}: ${ADVICE}`);
      assert.deepEqual(
        (failure.data as { problems: unknown }).problems,
        [space, pipe].map((line, at) => ({
          field: 'document',
          rule: 'compile',
          message: `change GET ${STYLES[at]}: ${ADVICE}`,
          path: `/paths/${STYLES[at]?.replaceAll('/', '~1')}/get`,
          line,
          column,
        })),
      );
    });
});
