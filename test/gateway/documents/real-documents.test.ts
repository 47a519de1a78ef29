import assert from 'node:assert/strict';
import type { PreparedDocument } from '../../../src/gateway/types.js';
import { example } from '../../support/real-documents.js';
import { documents } from '../../support/documents.js';

/** What only the prepared documents show; test/gateway/real-documents.test.ts publishes and calls all of them. */
describe('real documents, prepared', () => {
  const prepare = (name: string): Promise<PreparedDocument> => documents.prepare({ text: example(name) });

  for (const name of ['2.0/%/petstore.%', '3.0/%/star-trek.%', '3.1/%/petstore.%'])
    it(`compile to the same in JSON and YAML: ${name}`, async () => {
      const [json, yaml] = [
        await prepare(name.replaceAll('%', 'json')),
        await prepare(name.replaceAll('%', 'yaml')),
      ];
      assert.deepEqual(json.compiled, yaml.compiled);
    });

  it('are kept once where they are OpenAPI 3 in JSON, and as OpenAPI 3 too where they are not', async () => {
    const kept = async (name: string): Promise<string> => typeof (await prepare(name)).openapi;
    assert.equal(await kept('3.0/json/petstore.json'), 'undefined');
    assert.equal(await kept('3.0/yaml/petstore.yaml'), 'string');
    assert.equal(await kept('2.0/json/petstore.json'), 'string');
  });
});
