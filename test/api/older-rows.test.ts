import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AnyOperation } from '../../src/api/index.js';
import { presenter } from '../../src/api/validation.js';
import { WEB_ADDRESS } from '../../src/kernel/web-addresses.js';
import { OPERATIONS } from '../../src/management.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import { valid } from '../support/from-schema.js';
import { clientToken } from '../support/management.js';
import { often, placeOf, someOf } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';

interface Schema {
  type?: string | readonly string[];
  enum?: readonly unknown[];
  pattern?: string;
  format?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** The way to a text in a body or an answer: names of fields, with 0 for the first of a list. */
type Path = readonly (string | 0)[];

/** The texts of a schema for which it has a rule. */
function ruledTexts(schema: Schema, path: Path = []): Path[] {
  const ruled = schema.enum === undefined && (schema.pattern ?? schema.format) !== undefined;
  if ([schema.type].flat().includes('string')) return ruled && schema.format !== 'date-time' ? [path] : [];
  if (schema.items) return ruledTexts(schema.items, [...path, 0]);
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    ruledTexts(inner, [...path, name]),
  );
}

/** What older versions took in one field or another, or what no version took. */
const OLDER = [
  'employee number',
  '__proto__',
  'constructor',
  'javascript:alert(1)',
  '/avatars/me.png',
  'https://me:secret@a;b.example/x y',
];

/** The tables of things that have an id, and can be read and changed by it. */
const TABLES: Record<string, string> = {
  apiresource: 'api_resources',
  client: 'clients',
  identityresource: 'identity_resources',
  role: 'roles',
  tenant: 'tenants',
  user: 'users',
};
/** Fields whose column has another name. */
const COLUMNS: Record<string, string> = {
  'apiresource.audience': 'indicator',
  'apiresource.owner': 'owner_user_key',
  'apiresource.tokenAudience': 'audience',
  'client.owner': 'owner_user_key',
  'role.owner': 'owner_user_key',
};
/** Fields that are in no column of the thing: they refer to others, are hashed, or name what has a row of its own. */
const ELSEWHERE = ['apiresource.secrets', 'client.secrets', 'tenant.hosts', 'user.password', 'user.roles'];

const areaOf = ({ id }: AnyOperation): string => id.split('.')[0] ?? '';

const CHANGES = OPERATIONS.filter(({ id, current }) => id.endsWith('.put') && current !== undefined);
const FIELDS = CHANGES.flatMap((operation) =>
  ruledTexts((operation.schemas.body ?? {}) as Schema)
    .filter(([name]) => name !== 'id' && !ELSEWHERE.includes(`${areaOf(operation)}.${name}`))
    .map((path) => ({ operation, area: areaOf(operation), path })),
);

/** What older versions took for an address. */
const RULED = /^(?:javascript:|\/avatars)/;

/** Whether the field is an address for browsers, for which the rules have become stricter. */
function isWebAddress({ schemas }: AnyOperation, path: Path): boolean {
  const at = path.reduce<Schema | undefined>(
    (schema, step) => (step === 0 ? schema?.items : schema?.properties?.[step]),
    schemas.body as Schema,
  );
  return at?.format === WEB_ADDRESS;
}

const inColumn = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A text at the end of a path, with what has to be beside it. */
function textAt([step, ...rest]: Path, text: string): unknown {
  if (step === undefined) return text;
  if (step === 0) return [textAt(rest, text)];
  const beside: Record<string, object> = {
    type: { value: 'x' },
    value: { type: 'x' },
    urls: { type: 'doc' },
  };
  return { ...beside[step], [step]: textAt(rest, text) };
}

/** A text of `OLDER` that a new claim can be called as well. */
const isClaim = (text: string): boolean => text.startsWith('javascript:');
const namesClaim = (path: Path): boolean => path.at(-1) === 'type' || path.includes('userClaims');

/** Any text in the place of each text that is not one of some words. */
const anyTexts = (schema: unknown): fc.Arbitrary<unknown> =>
  valid(schema).chain((value) => fc.constant(withTexts(value, schema as Schema)));

function withTexts(value: unknown, { enum: words, format, items, properties, ...more }: Schema): unknown {
  if (typeof value === 'string') return words || format === 'date-time' ? value : ' \u202e'.repeat(3000);
  if (Array.isArray(value)) return value.map((each) => withTexts(each, items ?? {}));
  if (value === null || typeof value !== 'object') return value;
  const { additionalProperties } = more as { additionalProperties?: Schema };
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      withTexts(inner, properties?.[name] ?? additionalProperties ?? {}),
    ]),
  );
}

describe('answers about rows that are older than today’s rules', () => {
  for (const { id, schemas } of OPERATIONS)
    it(`have texts as they are stored: ${id}`, () => {
      const present = presenter(schemas.answer);
      fc.assert(
        fc.property(anyTexts(schemas.answer), (answer) => {
          assert.deepEqual(present(answer), answer);
        }),
        { numRuns: often({ short: 5, long: 20 }) },
      );
    });
});

for (const kind of STORES)
  describe(`rows that are older than today’s rules, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let token: string;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
      token = await clientToken(server, ['isms.all']);
    });
    after(() => server.stop());

    /** Writes a text into the row of a thing, past every check. */
    async function keep(area: string, id: string, path: Path, text: string): Promise<void> {
      const { knex } = server.context.store;
      const [field, ...rest] = path;
      const table = TABLES[area] ?? '';
      const name = String(field);
      if (area === 'apiresource' && name === 'scopes') {
        const [, column, ...inner] = rest;
        const kept = inner.length > 0 ? JSON.stringify(textAt(inner, text)) : text;
        await knex('api_scopes')
          .where({ resource_id: id })
          .update({ [inColumn(String(column))]: kept });
        return;
      }
      const columns = await knex(table).columnInfo();
      const column = COLUMNS[`${area}.${name}`] ?? inColumn(name);
      const row = knex(table).where({ id });
      const value = textAt(rest, text);
      if (column in columns)
        return void (await row.update({ [column]: rest.length > 0 ? JSON.stringify(value) : value }));
      const { settings } = await row.clone().first<{ settings: string }>('settings');
      const changed = { ...(JSON.parse(settings) as object), [name]: value };
      await row.update({ settings: JSON.stringify(changed) });
    }

    const newThing = async ({ id }: AnyOperation): Promise<string> => {
      const { body } = (await EXAMPLES[id]?.(server, server.home.tenant, token)) ?? {};
      return (body as { id: string }).id;
    };

    it('are tried in every area whose things can be changed', () => {
      assert.deepEqual(CHANGES.map(areaOf).sort(), Object.keys(TABLES).sort());
    });

    for (const [which, { operation, area, path }] of FIELDS.entries())
      it(`can be read, sent back and deleted: ${area} ${path.join('.')} [SEC-R10]`, async () => {
        const place = operation.path;
        const id = await newThing(operation);
        for (const [at, text] of someOf(OLDER, which + placeOf(kind)).entries()) {
          await keep(area, id, path, text);
          const one = await admin.ask('GET', `${place}/${id}`);
          assert.equal(one.status, 200, `${text}: ${JSON.stringify(one.body)}`);
          assert.ok(JSON.stringify(one.data).includes(JSON.stringify(text)), `${text} is not in the row`);
          const list = await admin.ask('GET', `${place}?take=1`);
          assert.equal(list.status, 200, `${text}: ${JSON.stringify(list.body)}`);
          assert.equal((list.body['data'] as [{ id: string }])[0].id, id);
          const bodies = [one.data, { id, displayName: 'Changed' }, { id, description: 'Changed' }];
          for (const body of someOf(bodies, which + at)) {
            const changed = await admin.ask('PUT', place, body);
            assert.ok(changed.status < 500, `${text}: ${JSON.stringify(changed.body)}`);
            // The settings of a client are checked as a whole whenever one of them changes.
            if (area !== 'client' && body === one.data && RULED.test(text) && isWebAddress(operation, path))
              assert.equal(changed.status, 200, `${text}: ${JSON.stringify(changed.body)}`);
          }
        }
        const { name } = await admin.done('GET', `${place}/${id}`);
        await admin.done('DELETE', `${place}/${id}${area === 'tenant' ? `?confirm=${String(name)}` : ''}`);
      });

    for (const [which, { operation, area, path }] of FIELDS.filter(({ path }) => namesClaim(path)).entries())
      it(`keep their names of claims when they are sent back: ${area} ${path.join('.')} [SEC-R10]`, async () => {
        const [id, another] = [await newThing(operation), await newThing(operation)];
        const [field = ''] = path;
        for (const text of someOf(OLDER, which + placeOf(kind))) {
          await keep(area, id, path, text);
          const { data } = await admin.ask('GET', `${operation.path}/${id}`);
          await admin.done('PUT', operation.path, data);
          const refused = await admin.ask('PUT', operation.path, { id: another, [field]: data[field] });
          assert.equal(refused.status, isClaim(text) ? 200 : 422, `${text}: ${JSON.stringify(refused.body)}`);
        }
      });

    it('take no other text of that kind: a user with a picture of before', async () => {
      const { id } = await admin.done('POST', '/api/User', {});
      await keep('user', String(id), ['avatar'], '/avatars/me.png');
      const other = await admin.ask('PUT', '/api/User', { id, avatar: '/avatars/you.png', nickName: 'Same' });
      assert.deepEqual(
        [other.status, (other.body['data'] as [object])[0]],
        [
          422,
          {
            field: 'avatar',
            rule: 'format',
            message:
              'must be a web address: https:// or http://, a host without a user and without hidden letters, and no blanks, quotes, <> or backslashes',
          },
        ],
      );
      const same = await admin.done('PUT', '/api/User', { id, avatar: '/avatars/me.png', nickName: 'Same' });
      assert.deepEqual([same['avatar'], same['nickName']], ['/avatars/me.png', 'Same']);
    });

    it('can be deleted, disabled and described: a tenant with a logo of before [SEC-R10]', async () => {
      const operation = CHANGES.find((change) => areaOf(change) === 'tenant');
      assert.ok(operation);
      const id = await newThing(operation);
      await server.context.store.knex('tenants').where({ id }).update({ properties: '{"logo":"ftp:old"}' });
      const shown = await admin.done('GET', `/api/Tenant/${id}`);
      await admin.done('PUT', '/api/Tenant', { ...shown, theme: 'dark' });
      await admin.done('PUT', '/api/Tenant', { id, status: 'disabled' });
      const other = await admin.ask('PUT', '/api/Tenant', { id, properties: { logo: 'ftp:other' } });
      assert.equal(other.status, 422);
      await admin.done('DELETE', `/api/Tenant/${id}?confirm=${String(shown['name'])}`);
    });

    it('can be disabled and described: a client with an address of before [SEC-R10]', async () => {
      const operation = CHANGES.find((change) => areaOf(change) === 'client');
      assert.ok(operation);
      const id = await newThing(operation);
      await keep('client', id, ['clientUri'], 'https://me:secret@example.com/');
      await admin.done('PUT', '/api/Client', { id, enabled: false, description: 'Closed' });
      const other = await admin.ask('PUT', '/api/Client', { id, scopes: ['openid'] });
      assert.equal(other.status, 422);
    });
  });
