import assert from 'node:assert/strict';
import { openDocuments } from '../../../src/gateway/documents/index.js';
import { locateParts } from '../../../src/gateway/documents/locate.js';

const SWAGGER = `swagger: '2.0'
paths:
  /items/{id}:
    get:
      parameters: []
parameters:
  Size: {}
definitions:
  Order:
    type: object
  Page«Order»:
    type: object`;

const OPENAPI = `{
  "openapi": "3.0.3",
  "paths": {
    "/items#one": { "get": {} },
    "/items#two": {
      "post": {}
    }
  },
  "components": {
    "schemas": { "Order": {} }
  }
}`;

describe('the places of parts of a document in its text', () => {
  const LINES: [what: string, text: string, pointer: string, line: number][] = [
    ['an operation', SWAGGER, '/paths/~1items~1{id}/get', 4],
    ['a schema of OpenAPI 3', OPENAPI, '/components/schemas/Order', 10],
    ['a schema that is a definition of Swagger 2', SWAGGER, '/components/schemas/Order', 9],
    ['a schema that has another name in Swagger 2', SWAGGER, '/components/schemas/Page_Order', 11],
    ['a parameter of Swagger 2', SWAGGER, '/components/parameters/Size', 7],
    ['an operation of a path with a fragment', OPENAPI, '/paths/~1items/post', 6],
    ['what is not there: the part above it', OPENAPI, '/paths/~1items/patch', 4],
    ['a path that is not there: the paths', SWAGGER, '/paths/~1orders/get', 2],
  ];
  for (const [what, text, pointer, line] of LINES)
    it(`have the line of ${what}`, () => {
      assert.equal(locateParts(text, [pointer])[0]?.line, line);
    });

  it('are not known where finding them takes too long', async () => {
    const documents = openDocuments({ timeoutMs: 0 });
    assert.deepEqual(await documents.locate(SWAGGER, ['/paths']), [undefined]);
    await documents.close();
  });
});
