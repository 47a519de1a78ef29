import assert from 'node:assert/strict';
import { culpritIn } from '../../../src/codegen/generators/culprit.js';
import type { OpenApi } from '../../../src/codegen/types.js';

const operations = (...names: string[]) =>
  Object.fromEntries(
    names.map((name) => [`/${name}`, { get: { operationId: name }, put: { operationId: `put${name}` } }]),
  );
const schemas = (...names: string[]) => ({
  schemas: Object.fromEntries(names.map((name) => [name, { title: `is ${name}` }])),
});

const DOCUMENT: OpenApi = {
  openapi: '3.1.0',
  paths: operations('a', 'b', 'c', 'd', 'e'),
  components: schemas('A', 'B', 'C'),
};

/** The part that is found where a library fails at documents with all of these texts. */
function found(texts: readonly string[], until = Infinity): Promise<string | undefined> {
  const fails = async (document: OpenApi): Promise<boolean> => {
    const text = JSON.stringify(document);
    Object.assign(document, { paths: null, components: null }); // a library may change what it is given
    return texts.every((each) => text.includes(`"${each}"`));
  };
  return culpritIn(DOCUMENT, fails, until);
}

describe('the part of a document that a library fails at', () => {
  for (const name of ['a', 'putc', 'pute'])
    it(`is an operation: ${name}`, async () =>
      assert.equal(
        await found([name]),
        name.startsWith('put') ? `/paths/~1${name.at(-1)}/put` : '/paths/~1a/get',
      ));

  it('is a schema, where it fails without operations', async () =>
    assert.equal(await found(['is B']), '/components/schemas/B'));

  it('is an operation that needs a schema to fail', async () =>
    assert.equal(await found(['is B', 'd']), '/paths/~1d/get'));

  it('is not said where it takes two, where nothing fails, or where there is no time', async () => {
    assert.equal(await found(['a', 'e']), undefined);
    assert.equal(await found(['is A', 'is C']), undefined);
    assert.equal(await found(['nothing']), undefined);
    assert.equal(await found(['a'], 0), undefined);
  });
});
