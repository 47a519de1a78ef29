import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { Validator } from '@seriousme/openapi-schema-validator';
import { BASIC } from '../../src/api/index.js';
import { managementScopes } from '../../src/api-resources/index.js';
import { OPERATIONS } from '../../src/management.js';
import { CLAIM_NAME } from '../../src/kernel/claim-names.js';
import { ADDRESS_FORMATS } from '../../src/kernel/web-addresses.js';
import { bodyOf, send } from '../support/http.js';
import { reference, REFERENCE } from '../support/reference.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the documentation of the management API', () => {
  let server: TestServer;
  let document: Record<string, unknown>;

  before(async () => {
    server = await startServer('sqlite');
    document = bodyOf(await send(new URL('/openapi.json', server.issuer)));
  });
  after(() => server.stop());

  it('is a valid OpenAPI 3.1 document', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors, null, 2));
    assert.equal(document['openapi'], '3.1.0');
  });

  it('has every operation, with its scope among those of the tenant', () => {
    const paths = document['paths'] as Record<
      string,
      Record<string, { security: Record<string, string[]>[] }>
    >;
    const scopes = new Set(managementScopes().map(({ name }) => name));
    for (const { path, method, access } of OPERATIONS) {
      const documented = paths[path]?.[method.toLowerCase()];
      assert.ok(documented, `${method} ${path}`);
      const [scope] = documented.security[0]?.['oauth'] ?? [];
      assert.equal(scope === undefined, access.kind === 'open');
      if (scope !== undefined) assert.ok(scopes.has(scope), scope);
    }
  });

  it('says of every scope what the catalogue says', () => {
    const { securitySchemes } = document['components'] as {
      securitySchemes: { oauth: { flows: Record<string, { scopes: Record<string, string> }> } };
    };
    const catalogue = new Map(managementScopes().map(({ name, description }) => [name, description]));
    const asked = OPERATIONS.flatMap(({ access }) =>
      access.kind === 'open' ? [] : [`isms.${access.area}.${access.verb}`],
    );
    for (const { scopes } of Object.values(securitySchemes.oauth.flows)) {
      for (const [name, text] of Object.entries(scopes)) assert.equal(text, catalogue.get(name), name);
      for (const name of ['isms.all', ...asked]) assert.ok(name in scopes, name);
    }
  });

  it('asks for no parameter that has a default', () => {
    const paths = document['paths'] as Record<
      string,
      Record<string, { parameters: { name: string; required: boolean }[] }>
    >;
    const required = paths['/api/Role']?.['get']?.parameters.filter((parameter) => parameter.required);
    assert.deepEqual(required, []);
  });

  it('stands on schemas that are valid themselves', () => {
    const ajv = new Ajv({ strictTypes: false });
    const found = OPERATIONS.flatMap(({ id, schemas: { params, query, body, answer }, current }) =>
      [params, query, body, answer, current?.answer]
        .filter((schema) => schema !== undefined)
        .map((schema) => ({ id, valid: ajv.validateSchema(schema as object) })),
    );
    assert.deepEqual(
      found.filter(({ valid }) => valid !== true),
      [],
    );
    assert.ok(found.length > OPERATIONS.length);
  });

  it('shows of each body one that a developer could send', () => {
    const ajv = new Ajv({
      strictTypes: false,
      formats: { 'date-time': true, binary: true, [CLAIM_NAME]: true, ...ADDRESS_FORMATS },
    });
    for (const { id, schemas, example } of OPERATIONS) {
      assert.equal(example === undefined, schemas.body === undefined, id);
      if (schemas.body === undefined) continue;
      const check = ajv.compile(schemas.body as object);
      assert.ok(check(structuredClone(example)), `${id}: ${ajv.errorsText(check.errors)}`);
    }
  });

  it('is the same in docs/api.md; npm run docs:api writes it again', () => {
    assert.equal(readFileSync(REFERENCE, 'utf8'), reference());
  });

  it('defines each shape that the reference names', () => {
    const page = reference();
    const words = page.matchAll(/^Answers (.*)\.$|^\| `\w[^|]*\| ([^|`]*) \|/gm);
    const named = new Set(
      [...words].flatMap(([, answer, cell]) => (answer ?? cell ?? '').match(/\b[A-Z]\w+/g) ?? []),
    );
    const defined = new Set([...page.matchAll(/^### (\w+)$/gm)].map(([, title]) => title));
    assert.ok(named.size > 30);
    assert.deepEqual(
      [...named].filter((title) => !defined.has(title)),
      [],
    );
    assert.doesNotMatch(page, /^Answers \./m);
  });

  it('names the secret of an API as a way to call the import, and for nothing else', () => {
    const paths = document['paths'] as Record<string, Record<string, { security: object[] }>>;
    const bySecret = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security = [] }]) => security.some((way) => 'apiSecret' in way))
        .map(([method]) => `${method} ${path}`),
    );
    assert.deepEqual(bySecret, ['post /api/ApiResource/Import']);
    const { securitySchemes } = document['components'] as {
      securitySchemes: Record<string, { type: string; scheme?: string }>;
    };
    assert.equal(securitySchemes['apiSecret']?.type, 'http');
    assert.equal(securitySchemes['apiSecret']?.scheme, 'basic');
  });

  it('gives each code one meaning in the whole product', () => {
    const codes = OPERATIONS.flatMap(({ conflicts = {} }) => Object.values(conflicts));
    const meanings = new Map<number, string>();
    for (const { code, name } of [...Object.values(BASIC), ...codes]) {
      assert.equal(meanings.get(code) ?? name, name, `${code} means two things`);
      meanings.set(code, name);
    }
  });

  it('lets nothing leave that is not declared: every object of an answer says what it has', () => {
    const look = (schema: unknown, where: string): void => {
      if (schema === null || typeof schema !== 'object') return;
      const { type, additionalProperties } = schema as { type?: unknown; additionalProperties?: unknown };
      if (type === 'object') assert.notEqual(additionalProperties, undefined, where);
      for (const [key, inner] of Object.entries(schema)) look(inner, `${where}/${key}`);
    };
    for (const { id, schemas } of OPERATIONS) look(schemas.answer, id);
  });
});
