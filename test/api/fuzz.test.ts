import assert from 'node:assert/strict';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import type { AnyOperation } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import { CLAIM_NAME } from '../../src/kernel/claim-names.js';
import { ADDRESS_FORMATS } from '../../src/kernel/web-addresses.js';
import { STORES } from '../support/config.js';
import { EXAMPLES, ONCE, SETTLED } from '../support/examples.js';
import { mutated, valid } from '../support/from-schema.js';
import { type ApiAnswer, doneStatus, type Example, perform, tokenSource } from '../support/management.js';
import { often, SEED, seedFor } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';

const RUNS = often({ short: 5, long: 200 });
const TABLES = [
  'tenants',
  'roles',
  'user_roles',
  'users',
  'identity_resources',
  'api_resources',
  'api_scopes',
  'api_subscriptions',
  'api_subscription_requests',
  'api_packages',
  'api_version_sets',
  'api_versions',
  'api_revisions',
  'api_documents',
  'api_releases',
  'api_products',
  'api_product_keys',
  'authorization_servers',
  'tracked_jobs',
  'clients',
  'audit',
  'blobs',
];

const answers = new Ajv({
  strictTypes: false,
  formats: { 'date-time': true, [CLAIM_NAME]: true, ...ADDRESS_FORMATS },
});

const asQuery = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(value ?? {}).flatMap(([name, inner]) =>
      inner === undefined || inner === null || typeof inner === 'object' ? [] : [[name, String(inner)]],
    ),
  );

/** Whether each run has an example of its own, because it uses it up. */
const madeAnew = ({ id, method }: Pick<AnyOperation, 'id' | 'method'>): boolean =>
  method === 'DELETE' || ONCE.includes(id);

/** What chance has made, with the example's values where they have to fit. */
function settled(id: string, drawn: object, example: object): object {
  const ruled = ['id', ...(SETTLED[id] ?? [])];
  const free = Object.entries(drawn).filter(([name]) => !ruled.includes(name));
  return { ...Object.fromEntries(free), ...pick(example, ruled) };
}

const pick = (from: object, names: string[]): object =>
  Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));

for (const kind of STORES)
  describe(`every operation at random, on ${kind}`, () => {
    let server: TestServer;
    let token: string;
    let anotherToken: () => Promise<string>;

    before(async () => {
      console.log(`      ${RUNS} valid and ${RUNS} other requests each, SEED=${SEED}`);
      const many = { tenant: 1e9, client: 1e9, address: 1e9 };
      server = await startServer(
        kind,
        {},
        {
          limits: { api: many, open: { tenant: 1e9, address: 1e9 } },
          codes: { spacing: 1, perTarget: 1e9, perAddress: 1e9, smsPerTenant: 1e9, mailPerTenant: 1e9 },
        },
      );
      anotherToken = await tokenSource(server, ['isms.all']);
      token = await anotherToken();
    });
    after(() => server.stop());

    /** How many rows each table has, as text. */
    const rows = async (): Promise<string> => {
      const { knex } = server.context.store;
      const counts = TABLES.map((table) => knex(table).count('*').as(table));
      return JSON.stringify(await knex.select(counts).first<Record<string, number>>());
    };
    const ask = async (operation: AnyOperation, example: Example): Promise<ApiAnswer> => {
      const answer = await perform(server, operation, example, { token });
      // The key that signed the token may be revoked now.
      if (operation.id.startsWith('key.')) token = await anotherToken();
      return answer;
    };
    const draw = ({ schemas }: AnyOperation, how: (schema: unknown) => fc.Arbitrary<unknown>) =>
      fc.record({
        query: schemas.query === undefined ? fc.constant(undefined) : how(schemas.query),
        body: schemas.body === undefined ? fc.constant(undefined) : how(schemas.body),
      });

    /** What the operation is about: one thing for all runs, except where each run takes it away. */
    const exampleOf = ({ id, method }: AnyOperation): (() => Promise<Example>) => {
      const make = async (): Promise<Example> =>
        (await EXAMPLES[id]?.(server, server.home.tenant, token)) ?? {};
      let one: Promise<Example> | undefined;
      return () => (madeAnew({ id, method }) ? make() : (one ??= make()));
    };

    for (const operation of OPERATIONS) {
      const { id, schemas, list, stream } = operation;

      it(`${id} answers what its schema allows as its schema says`, async function () {
        const about = exampleOf(operation);
        const rightShape = answers.compile(schemas.answer as object);
        await fc.assert(
          fc.asyncProperty(draw(operation, valid), async ({ query, body }) => {
            const example = await about();
            // A thing that is there, and a cursor of this very list: what a schema alone does not say.
            const { after: _cursor, ...drawn } = asQuery(query);
            const asked = settled(id, drawn, example.query ?? {}) as Record<string, string>;
            const sent = body === undefined ? undefined : settled(id, body as object, example.body ?? {});
            const answer = await ask(operation, { ...example, query: asked, body: sent });
            // A name that is taken already is the one thing that chance may meet.
            if (answer.status === 409) return;
            assert.equal(answer.status, doneStatus(operation), JSON.stringify(answer.body));
            const data = stream || operation.raw ? answer.body : answer.body['data'];
            for (const each of list ? (data as unknown[]) : [data])
              assert.ok(rightShape(each), `${JSON.stringify(each)} ${JSON.stringify(rightShape.errors)}`);
          }),
          { numRuns: RUNS, seed: seedFor(kind) },
        );
      });

      if (schemas.query === undefined && schemas.body === undefined) continue;
      it(`${id} refuses what it was not made for, and writes no half of it [SEC-48]`, async function () {
        const about = exampleOf(operation);
        let before: string | undefined;
        await fc.assert(
          fc.asyncProperty(draw(operation, mutated), async ({ query, body }) => {
            const example = await about();
            if (before === undefined || madeAnew(operation)) before = await rows();
            const answer = await ask(operation, { ...example, query: asQuery(query), body });
            assert.ok(answer.status < 500, JSON.stringify(answer.body));
            if (answer.status === doneStatus(operation)) before = undefined;
            else assert.equal(await rows(), before);
          }),
          { numRuns: RUNS, seed: seedFor(kind) },
        );
      });
    }
  });
