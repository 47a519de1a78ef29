import assert from 'node:assert/strict';
import { OPERATIONS } from '../../src/management.js';
import { MQTT_API } from '../../src/mqtt/index.js';
import { STORES } from '../support/config.js';
import { APP, APP_SECRET, deviceApi } from '../support/devices.js';
import { EXAMPLES } from '../support/examples.js';
import { basic, send, type Said } from '../support/http.js';
import { clientToken, perform, type Example } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';
import { protocolShots } from '../support/shots.js';

const NUL = 'a\u0000b';

interface Schema {
  $ref?: string;
  oneOf?: Schema[];
  type?: string | string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

/** Values of a schema, each with NUL in one text. */
function withNul(schema: Schema): unknown[] {
  if (schema.$ref !== undefined) return withNul(MQTT_API.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  if (schema.oneOf) return schema.oneOf.flatMap(withNul);
  if (schema.items) return withNul(schema.items).map((item) => [item]);
  if (schema.properties)
    return Object.entries(schema.properties).flatMap(([name, inner]) =>
      withNul(inner).map((value) => ({ [name]: value })),
    );
  if (typeof schema.additionalProperties === 'object')
    return [{ [NUL]: 'x' }, ...withNul(schema.additionalProperties).map((value) => ({ name: value }))];
  return [NUL];
}

/** An object with one field after the other in place of its own. */
const bodiesOf = (schema: unknown, example: unknown): unknown[] =>
  withNul((schema ?? {}) as Schema).map((value) =>
    Array.isArray(value) || value === NUL ? value : { ...(example as object), ...(value as object) },
  );

const asTexts = (values: unknown[]): Record<string, string>[] =>
  values.filter((value) => value !== null && typeof value === 'object') as Record<string, string>[];

/** Each field of an object in turn with NUL, and a field whose name has it. */
const turns = (fields: Readonly<Record<string, string>>): Record<string, string>[] => [
  ...Object.keys(fields).map((name) => ({ ...fields, [name]: NUL })),
  { ...fields, [NUL]: NUL },
];

const PERSONS: Record<string, string> = { authorization: basic(NUL, 'x') };
const JSON_TYPE = { 'content-type': 'application/json' };

interface DescribedCall {
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema; example?: object }> };
}

const MQTT_CALLS = Object.entries(MQTT_API.paths as Record<string, Record<string, DescribedCall>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, call]) => ({ path, method: method.toUpperCase(), call })),
);

for (const kind of STORES)
  describe(`NUL in what is sent, on ${kind}`, function () {
    let server: TestServer;
    let token: string;
    before(async () => {
      server = await startServer(
        kind,
        {},
        {
          limits: { enabled: false },
          codes: { spacing: 1, perTarget: 1e9, perAddress: 1e9, smsPerTenant: 1e9, mailPerTenant: 1e9 },
        },
      );
      token = await clientToken(server, ['isms.all']);
      await deviceApi(server);
    });
    after(() => server.stop());

    const ask = async (path: string, said: Said): Promise<{ status: number; text: string }> => {
      const heard = await send(new URL(path, server.issuer), said);
      assert.ok(heard.status < 500, `${heard.status} ${JSON.stringify([path, said])} ${heard.text}`);
      return heard;
    };

    for (const operation of OPERATIONS)
      it(`is no error of the server at ${operation.id} [SEC-X7]`, async () => {
        const {
          params = {},
          query = {},
          body,
        }: Example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, token)) ?? {};
        const { schemas } = operation;
        const examples: Example[] = [
          ...Object.keys(params).map((name) => ({ params: { ...params, [name]: NUL }, query, body })),
          ...(schemas.query === undefined ? [] : asTexts(withNul(schemas.query as Schema))).map((one) => ({
            params,
            query: { ...query, ...one },
            body,
          })),
          ...(schemas.body === undefined ? [] : bodiesOf(schemas.body, body)).map((one) => ({
            params,
            query,
            body: one,
          })),
        ];
        for (const example of examples) {
          const answer = await perform(server, operation, example, { token });
          assert.ok(answer.status < 500, JSON.stringify([example, answer.body]));
        }
        const stranger = await perform(server, operation, { params, query, body }, { headers: PERSONS });
        assert.ok(stranger.status < 500, JSON.stringify(stranger.body));
      });

    for (const { path, method, call } of MQTT_CALLS)
      it(`is no error of the server at ${method} ${path} [SEC-X7]`, async () => {
        const paths = call.parameters.filter((each) => each.in === 'path').map(({ name }) => name);
        const filled = (nul?: string): string =>
          paths.reduce(
            (whole, name) => whole.replace(`{${name}}`, name === nul ? encodeURIComponent(NUL) : 'name'),
            path,
          );
        const authorization = basic(APP, APP_SECRET);
        const [[, content] = []] = Object.entries(call.requestBody?.content ?? {});
        const example: object = content?.example ?? {};
        const said = (body: unknown): Said => ({
          method,
          headers: { authorization, ...JSON_TYPE },
          ...(content && { body: JSON.stringify(body) }),
        });
        for (const name of paths) await ask(filled(name), said(example));
        for (const { name } of call.parameters.filter((each) => each.in === 'query'))
          await ask(`${filled()}?${name}=${encodeURIComponent(NUL)}`, said(example));
        await ask(filled(), { ...said(example), headers: { ...PERSONS, ...JSON_TYPE } });
        if (!content) return;
        for (const body of bodiesOf(content.schema, example)) {
          await ask(filled(), said(body));
          if (path.startsWith('/mqtt/'))
            await ask(filled(), { headers: { authorization }, form: body as Record<string, string> });
        }
      });

    it('is no error of the server at the endpoints of the protocol [SEC-X7]', async () => {
      for (const shots of (await protocolShots(server)).values())
        for (const { method, path, query, form, headers } of shots) {
          const [asked, filled] = [Object.fromEntries(query), Object.fromEntries(form)];
          const at = (fields: Record<string, string>): string =>
            Object.keys(fields).length === 0 ? path : `${path}?${new URLSearchParams(fields).toString()}`;
          const body = (fields: Record<string, string>): Said => ({
            method,
            headers,
            ...(method === 'POST' && { form: fields }),
          });
          for (const turn of turns(asked)) await ask(at(turn), body(filled));
          for (const turn of method === 'POST' ? turns(filled) : []) await ask(at(asked), body(turn));
          for (const encoded of [NUL, 'a%00b'])
            await ask(at(asked), {
              ...body(filled),
              headers: { ...headers, authorization: basic(encoded, 'x') },
            });
        }
    });

    for (const path of [
      '/interaction/a%00b',
      '/connect/authorize/a%00b',
      '/connect/register/a%00b',
      '/device/a%00b',
      '/files/a%00b/c%00.png',
      '/assets/a%00b',
      '/account/a%00b',
      '/account/callback?code=%00&state=%00',
      '/demo/callback?code=%00&state=%00',
      '/a%00b',
    ])
      it(`is no error of the server at ${path}`, async () => {
        await ask(path, { headers: { cookie: 'gatehouse=%00; session=%00', authorization: 'Bearer %00' } });
        await ask(path, { method: 'POST', form: { [NUL]: NUL } });
      });

    it('is no tenant of a broker’s address: 404', async () => {
      const said = { headers: { authorization: basic(APP, APP_SECRET) }, form: { username: 'a' } };
      assert.equal((await ask('/mqtt/t/a%00b/auth', said)).status, 404);
    });

    it('is no app: 404 in the address, and 401 as who calls', async () => {
      const authorization = basic(APP, APP_SECRET);
      assert.equal((await ask('/api/v4/apps/a%00b', { headers: { authorization } })).status, 404);
      assert.equal((await ask('/api/v4/apps', { headers: PERSONS })).status, 401);
    });

    it('is denied where a broker asks about a device or a topic [SEC-X7]', async () => {
      const names = { username: 'nobody', clientid: 'c1' };
      const headers = { authorization: basic(APP, APP_SECRET) };
      for (const [call, field] of [
        ['auth', 'username'],
        ['auth', 'clientid'],
        ['acl', 'username'],
        ['acl', 'clientid'],
        ['acl', 'topic'],
        ['superuser', 'username'],
      ] as const) {
        const fields = { ...names, password: 'x', topic: 'up', action: 'publish', [field]: NUL };
        const asked = { headers: { ...headers, ...JSON_TYPE }, body: JSON.stringify(fields) };
        const { status, text } = await ask(`/mqtt/${call}`, asked);
        assert.deepEqual([status, text], [200, '{"result":"deny"}'], `${call} ${field}`);
        const byForm = await ask(`/mqtt/${call}`, { headers, form: fields });
        assert.deepEqual([byForm.status, byForm.text], [403, 'deny'], `${call} ${field}`);
      }
      for (const call of ['user', 'vhost', 'resource', 'topic']) {
        const form = { username: NUL, permission: 'read', routing_key: 'a', password: 'x' };
        const { status, text } = await ask(`/mqtt/${call}`, { headers, form });
        assert.deepEqual([status, text], [200, 'deny'], call);
      }
    });
  });
