import assert from 'node:assert/strict';
import type { DocumentRefused } from '../../../src/gateway/types.js';
import { documents } from '../../support/documents.js';

const INFO = { title: 'Orders', version: '1' };
const ORDER = {
  type: 'object',
  discriminator: 'kind',
  required: ['kind'],
  properties: { kind: { type: 'string' } },
};
const GOOD = { 200: { description: 'good' } };

const SWAGGER = {
  swagger: '2.0',
  info: INFO,
  host: 'api.example',
  basePath: '/v1',
  schemes: ['http', 'https', 'wss'],
  consumes: ['application/json'],
  produces: ['application/json'],
  security: [{ oauth: ['read'] }],
  securityDefinitions: {
    oauth: {
      type: 'oauth2',
      flow: 'accessCode',
      authorizationUrl: 'https://id.example/a',
      tokenUrl: 'https://id.example/t',
      scopes: { read: 'r', write: 'w' },
    },
    basic: { type: 'basic' },
    key: { type: 'apiKey', in: 'query', name: 'key' },
  },
  definitions: { Order: ORDER },
  parameters: {
    Order: { name: 'order', in: 'body', required: true, schema: { $ref: '#/definitions/Order' } },
    Page: { name: 'page', in: 'query', type: 'integer', minimum: 1 },
  },
  responses: { Order: { description: 'an order', schema: { $ref: '#/definitions/Order' } } },
  paths: {
    'x-owner': null,
    '/orders': {
      'x-note': null,
      get: {
        operationId: 'list',
        parameters: [
          { $ref: '#/parameters/Page' },
          {
            name: 'state',
            in: 'query',
            type: 'array',
            items: { type: 'string', enum: ['a', 'b'] },
            collectionFormat: 'pipes',
          },
          {
            name: 'tag',
            in: 'query',
            type: 'array',
            items: { type: 'array', items: { type: 'string' }, collectionFormat: 'csv' },
          },
          { name: 'id', in: 'query', type: 'array', items: { type: 'string' }, collectionFormat: 'multi' },
        ],
        produces: ['text/csv'],
        responses: {
          200: { description: 'good', schema: { type: 'string' } },
          404: { $ref: '#/responses/Order' },
        },
      },
      post: {
        parameters: [{ $ref: '#/parameters/Order' }],
        security: [{ oauth: ['write'] }, { key: [] }],
        responses: { 201: { $ref: '#/responses/Order' } },
      },
    },
    '/orders/{id}': {
      put: { consumes: ['application/json', 'application/xml'], responses: GOOD },
      delete: {
        security: [],
        'x-permission': 'orders.delete',
        parameters: [{ name: 'order', in: 'body', schema: { type: 'string' } }],
        responses: GOOD,
      },
      parameters: [
        { name: 'id', in: 'path', required: true, type: 'string' },
        { $ref: '#/parameters/Order' },
      ],
    },
    '/forms': {
      post: {
        consumes: ['application/x-www-form-urlencoded'],
        parameters: [
          { name: 'count', in: 'formData', type: 'integer', maximum: 5, required: true },
          {
            name: 'tags',
            in: 'formData',
            type: 'array',
            items: { type: 'string' },
            collectionFormat: 'multi',
          },
        ],
        responses: GOOD,
      },
      put: {
        consumes: ['multipart/form-data'],
        parameters: [{ name: 'picture', in: 'formData', type: 'file', description: 'a PNG' }],
        responses: GOOD,
      },
    },
  },
};

const orderSchema = { $ref: '#/components/schemas/Order' };
const array = (name: string, style: object, items: object = { type: 'string' }) => ({
  name,
  in: 'query',
  ...style,
  schema: { type: 'array', items },
});
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const jsonBody = (schema: object, required: boolean, types = ['application/json']) => ({
  required,
  content: Object.fromEntries(types.map((type) => [type, { schema }])),
});

const TWIN = {
  openapi: '3.0.4',
  info: INFO,
  servers: [{ url: 'https://api.example/v1' }, { url: 'http://api.example/v1' }],
  security: [{ oauth: ['read'] }],
  components: {
    schemas: { Order: { ...ORDER, discriminator: { propertyName: 'kind' } } },
    responses: {
      Order: { description: 'an order', content: { 'application/json': { schema: orderSchema } } },
    },
    securitySchemes: {
      oauth: {
        type: 'oauth2',
        flows: {
          authorizationCode: {
            authorizationUrl: 'https://id.example/a',
            tokenUrl: 'https://id.example/t',
            scopes: { read: 'r', write: 'w' },
          },
        },
      },
      basic: { type: 'http', scheme: 'basic' },
      key: { type: 'apiKey', in: 'query', name: 'key' },
    },
  },
  paths: {
    'x-owner': null,
    '/orders': {
      'x-note': null,
      get: {
        operationId: 'list',
        parameters: [
          { name: 'page', in: 'query', schema: { type: 'integer', minimum: 1 } },
          array('state', { style: 'pipeDelimited', explode: false }, { type: 'string', enum: ['a', 'b'] }),
          array('tag', { style: 'form', explode: false }, { type: 'array', items: { type: 'string' } }),
          array('id', { style: 'form', explode: true }),
        ],
        responses: {
          200: { description: 'good', content: { 'text/csv': { schema: { type: 'string' } } } },
          404: { description: 'an order', content: { 'text/csv': { schema: orderSchema } } },
        },
      },
      post: {
        requestBody: jsonBody(orderSchema, true),
        security: [{ oauth: ['write'] }, { key: [] }],
        responses: { 201: { $ref: '#/components/responses/Order' } },
      },
    },
    '/orders/{id}': {
      parameters: [ID],
      put: {
        requestBody: jsonBody(orderSchema, true, ['application/json', 'application/xml']),
        responses: GOOD,
      },
      delete: {
        security: [],
        'x-permission': 'orders.delete',
        requestBody: jsonBody({ type: 'string' }, false),
        responses: GOOD,
      },
    },
    '/forms': {
      post: {
        requestBody: {
          required: true,
          content: {
            'application/x-www-form-urlencoded': {
              schema: {
                type: 'object',
                properties: {
                  count: { type: 'integer', maximum: 5 },
                  tags: { type: 'array', items: { type: 'string' } },
                },
                required: ['count'],
              },
              encoding: { tags: { style: 'form', explode: true } },
            },
          },
        },
        responses: GOOD,
      },
      put: {
        requestBody: {
          required: false,
          content: {
            'multipart/form-data': {
              schema: {
                type: 'object',
                properties: { picture: { type: 'string', format: 'binary', description: 'a PNG' } },
              },
            },
          },
        },
        responses: GOOD,
      },
    },
  },
};

describe('a Swagger 2 document', () => {
  it('becomes its OpenAPI 3 twin', async () => {
    const { openapi } = await documents.prepare({ value: SWAGGER });
    assert.deepEqual(JSON.parse(openapi ?? ''), TWIN);
  });

  it('is compiled as its OpenAPI 3 twin', async () => {
    const [swagger, twin] = await Promise.all(
      [SWAGGER, TWIN].map(async (value) => (await documents.prepare({ value })).compiled),
    );
    assert.deepEqual({ ...swagger, type: 'openapi-3.0' }, twin);
    assert.equal(swagger?.type, 'swagger-2.0');
    assert.equal(swagger?.serverUrl, 'https://api.example/v1');
  });

  const hosts: [fields: object, expected: string | undefined][] = [
    [{}, undefined],
    [{ basePath: '/v1' }, undefined],
    [{ host: 'api.example' }, 'https://api.example'],
    [{ host: 'api.example', basePath: '/' }, 'https://api.example'],
    [{ host: 'api.example:8443', basePath: '/v1', schemes: ['http'] }, 'http://api.example:8443/v1'],
    [{ host: 'api.example', schemes: ['http', 'https'] }, 'https://api.example'],
    [{ host: 'api.example', schemes: ['ws'] }, undefined],
  ];
  for (const [fields, expected] of hosts)
    it(`has the backend ${expected} of ${JSON.stringify(fields)}`, async () => {
      const value = { swagger: '2.0', info: INFO, paths: {}, ...fields };
      assert.equal((await documents.prepare({ value })).compiled.serverUrl, expected);
    });

  it('is refused where a schema is outside its definitions', async () => {
    const value = {
      ...SWAGGER,
      definitions: { ...SWAGGER.definitions, A: { $ref: '#/responses/Order/schema' } },
    };
    await assert.rejects(documents.prepare({ value }), {
      message: 'Put what "#/responses/Order/schema" names under "definitions".',
    });
  });

  it('has components of plain names where its definitions are named as generic types', async () => {
    const [map, page] = ['Map«string,Page«Order»»', 'Page«Order»'];
    const schema = { $ref: `#/definitions/${map}` };
    const { openapi } = await documents.prepare({
      value: {
        swagger: '2.0',
        info: INFO,
        paths: { '/orders': { get: { responses: { 200: { description: 'good', schema } } } } },
        definitions: {
          Page_Order: { type: 'string' },
          [page]: { type: 'object', properties: { next: { $ref: '#/definitions/Page%C2%ABOrder%C2%BB' } } },
          [map]: { type: 'object', additionalProperties: { $ref: `#/definitions/${page}/properties/next` } },
        },
      },
    });
    const { paths, components } = JSON.parse(openapi ?? '') as {
      paths: Record<string, { get: { responses: Record<string, { content: object }> } }>;
      components: { schemas: object };
    };
    assert.deepEqual(components.schemas, {
      Page_Order: { type: 'string' },
      Page_Order_2: { type: 'object', properties: { next: { $ref: '#/components/schemas/Page_Order_2' } } },
      Map_string_Page_Order: {
        type: 'object',
        additionalProperties: { $ref: '#/components/schemas/Page_Order_2/properties/next' },
      },
    });
    assert.match(
      JSON.stringify(paths['/orders']?.get.responses['200']?.content),
      /"\$ref":"#\/components\/schemas\/Map_string_Page_Order"/,
    );
  });

  it('has discriminators whose values are the names that its author gave', async () => {
    const { openapi } = await documents.prepare({
      value: {
        swagger: '2.0',
        info: INFO,
        paths: {},
        definitions: {
          Pet: {
            ...{ type: 'object', discriminator: 'kind', required: ['kind'] },
            properties: { kind: { type: 'string' } },
          },
          Dog: { allOf: [{ $ref: '#/definitions/Pet' }] },
          'Cat«A»': { allOf: [{ $ref: '#/definitions/Pet' }] },
          'Kitten«A»': { allOf: [{ $ref: '#/definitions/Cat«A»' }] },
          'Page«A»': { type: 'object' },
        },
      },
    });
    const { components } = JSON.parse(openapi ?? '') as { components: { schemas: { Pet: object } } };
    assert.deepEqual(components.schemas.Pet, {
      type: 'object',
      discriminator: {
        propertyName: 'kind',
        mapping: { 'Cat«A»': '#/components/schemas/Cat_A', 'Kitten«A»': '#/components/schemas/Kitten_A' },
      },
      required: ['kind'],
      properties: { kind: { type: 'string' } },
    });
  });

  it('is refused with the place of its author where a definition of a generic type is wrong', async () => {
    const value = {
      swagger: '2.0',
      info: INFO,
      paths: {},
      definitions: { 'Page«Order»': { type: 'object', required: 'id' } },
    };
    await assert.rejects(documents.prepare({ value }), (error: DocumentRefused) => {
      assert.match(error.problems[0]?.path ?? '', /^\/definitions\/Page«Order»/);
      return true;
    });
  });
});
