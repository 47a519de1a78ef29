import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { STORES } from '../support/config.js';
import type { ApiTeam } from '../support/gateway.js';
import { bodyOf, send } from '../support/http.js';
import { often, oneOf, placeOf, seedFor, someOf } from '../support/profile.js';
import { randomFrom, type Random } from '../support/random.js';
import { example, EXAMPLE_NAMES, galaxy, GALAXY_FILES, github, REFUSED } from '../support/real-documents.js';
import { describedBy, meaningsOf, type Described } from './described.js';
import { openPublished, type Published, type Sent, type Who } from './published.js';
import { OWN, requestsNear } from './requests-near.js';

type Tree = Record<string, unknown>;

const TYPES: Readonly<Record<string, string>> = {
  '2.0': 'swagger-2.0',
  '3.0': 'openapi-3.0',
  '3.1': 'openapi-3.1',
};

/** Of how many operations of a document the near misses are tried: of the big ones, some by chance. */
const MOST_TRIED = often({ short: 12, long: Infinity });
/** A policy has at most so many operations. */
const MOST_NAMED = 1000;

const read = (text: string): Tree =>
  (/^\s*\{/.test(text) ? JSON.parse(text) : parse(text, { maxAliasCount: -1, merge: true })) as Tree;

function sampled<T>(list: readonly T[], most: number, random: Random): T[] {
  const left = [...list];
  while (left.length > most) left.splice(Math.floor(random() * left.length), 1);
  return left;
}

/** How a call has to end by the document: where it reaches the backend, with the operation's key. */
function expected(
  { method, path, who }: Sent,
  meaningOf: ReturnType<typeof meaningsOf>,
): [outcome: string, reaches?: Described] {
  const meaning = meaningOf(method, path);
  const word = (text: string): string => (method === 'HEAD' ? '' : ` ${text}`);
  if (!meaning) return [`404${word('not-found')}`];
  if ('allow' in meaning) {
    const allow = meaning.allow.join(', ');
    return [method === 'OPTIONS' ? `204 ${allow}` : `405${word('method')} ${allow}`];
  }
  const { operation } = meaning;
  const isEnough: Record<Who, (way: string[] | null) => boolean> = {
    full: () => true,
    weak: (way) => way === null || way.length === 0,
    nobody: (way) => way === null,
  };
  if (operation.ways.some(isEnough[who])) return ['200', operation];
  return [who === 'weak' ? `403${word('scope')}` : `401${word('token')}`];
}

for (const kind of STORES)
  describe(`real documents at the gateway, on ${kind}`, () => {
    // The documents do not depend on the store, so the second one gets a sample of them.
    const random = randomFrom(seedFor(kind));
    const names =
      kind === 'sqlite'
        ? EXAMPLE_NAMES
        : sampled(EXAMPLE_NAMES, often({ short: 12, long: Infinity }), random);
    /** Documents are there as JSON and as YAML: in the short run, what is near their operations is tried with one of the two. */
    const formats = oneOf(['json', 'yaml'], placeOf(kind));
    let published: Published;

    before(async () => {
      published = await openPublished(kind, names.length + 10);
    });
    after(() => published.close());

    /** A request of each operation, and those near some of them; in the short run a third of the latter. */
    function requestsOf(operations: readonly Described[], mostTried: number): Sent[] {
      const tried = new Set(sampled(operations, mostTried, random));
      return operations.flatMap((operation, at): Sent[] => {
        const [own, ...near] = requestsNear(operation, random);
        const full: Sent = { ...own, who: 'full' };
        if (!tried.has(operation)) return [full];
        const weak: Sent = { ...own, kind: 'scopes are missing', who: 'weak' };
        const nobody: Sent = { ...own, kind: 'no token', who: 'nobody' };
        return [full, ...someOf([...near.map((made): Sent => ({ ...made, who: 'full' })), weak, nobody], at)];
      });
    }

    /** Calls the operations of a published document and what is near them: each call reaches what it means, or nothing. */
    async function callEach(
      api: string,
      operations: readonly Described[],
      named: ReadonlyMap<string, number>,
      mostTried: number,
    ): Promise<void> {
      const meaningOf = meaningsOf(operations);
      const sent = requestsOf(operations, mostTried);
      const { answers, asked } = await published.callAll(api, sent);
      const means = sent.map((each) => expected(each, meaningOf));
      const shown = ({ kind: what, method, path }: Sent, outcome: string | undefined): string =>
        `${what}: ${method} ${path}: ${outcome}`;
      assert.deepEqual(
        sent.map((each, at) => shown(each, answers[at])),
        sent.map((each, at) => shown(each, means[at]?.[0])),
      );
      const reached = sent.flatMap((each, at) => {
        const operation = means[at]?.[1];
        return operation ? [{ ...each, operation }] : [];
      });
      assert.deepEqual(
        asked,
        reached.map(
          ({ method, path, operation: { key } }) => `${method} /base/${api}${path} ${named.get(key)}`,
        ),
      );
      // A value that is made by chance can be a literal of another operation.
      const own = reached.filter(({ kind: what, of, operation }) => what === OWN && of === operation.key);
      assert.ok(own.length >= operations.length * 0.97, `${own.length} of ${operations.length} are reached`);
    }

    /** Publishes a document, calls it, and answers its revision. */
    async function publishAndCall(
      document: Tree,
      source: object,
      mostTried = MOST_TRIED,
    ): Promise<Tree & { team: ApiTeam }> {
      const operations = describedBy(document);
      const named = sampled(operations, MOST_NAMED, random);
      const { api, team, status, body } = await published.publish(source, named);
      assert.equal(status, 200, JSON.stringify(body));
      const version = body['data'] as Tree;
      const [revision] = version['revisions'] as [Tree];
      assert.equal(revision['operationCount'], operations.length);
      await callEach(api, operations, new Map(named.map(({ key }, at) => [key, at])), mostTried);
      return { ...revision, team };
    }

    for (const name of names) {
      const document = example(name);
      const refused = REFUSED[name];
      if (refused)
        it(`${name} is refused with a line`, async () => {
          const { status, body } = await published.publish({ document }, []);
          const [problem] = body['data'] as [Tree];
          const { field, rule, line, column, path } = problem;
          assert.deepEqual([status, body['code'], field], [422, 300011, 'document']);
          assert.deepEqual([rule, line, column, path], refused);
        });
      else
        it(`${name} is published, and each operation is reached and nothing else is [SEC-G4]`, async () => {
          const mostTried = formats.some((format) => name.endsWith(format)) ? MOST_TRIED : 0;
          const revision = await publishAndCall(read(document), { document }, mostTried);
          assert.equal(revision['documentType'], TYPES[name.slice(0, 3)]);
        });
    }

    for (const file of GALAXY_FILES)
      it(`Scalar Galaxy, ${file}, is published, and each operation is reached and nothing else is`, async () => {
        const document = galaxy(file);
        const { operationCount } = await publishAndCall(read(document), { document });
        assert.equal(operationCount, 9);
      });

    it('the management API’s is published by its address, and each operation is reached and nothing else is', async () => {
      const swaggerUrl = `${published.server.issuer}/openapi.json`;
      const document = bodyOf(await send(new URL(swaggerUrl)));
      const { operationCount } = await publishAndCall(document, { swaggerUrl });
      assert.ok(Number(operationCount) > 100);
    });

    if (kind === 'sqlite' || often({ short: false, long: true }))
      it('GitHub’s is published, and each operation is reached and nothing else is', async () => {
        const document = github();
        const { operationCount, team } = await publishAndCall(JSON.parse(document) as Tree, { document });
        assert.ok(Number(operationCount) > 1000);
        // Without another one, the backend is what the document names.
        const { data } = await team.publish({ serviceUrl: null, notify: false });
        assert.equal((data['revisions'] as [Tree])[0]['serviceUrl'], 'https://api.github.com');
      });

    const TWIN_CALLS: [method: string, path: string, body: string | undefined, outcome: string][] = [
      ['GET', '/pet/7', undefined, '200'],
      ['GET', '/pet/7/', undefined, '404 not-found'],
      ['GET', '/pet/findByStatus?status=sold&status=pending', undefined, '200'],
      ['GET', '/pet/findByStatus?status=sold,pending', undefined, '400 invalid-request'],
      ['GET', '/pet/findByStatus?status=eaten', undefined, '400 invalid-request'],
      ['GET', '/pet/findByStatus', undefined, '400 invalid-request'],
      ['POST', '/pet', '{"name":"Rex","photoUrls":["a"]}', '200'],
      ['POST', '/pet', '{"name":"Rex"}', '400 invalid-request'],
      ['POST', '/pet', '{"name":"Rex","photoUrls":["a"],"status":"eaten"}', '400 invalid-request'],
      ['POST', '/pet', '{"name":', '400 invalid-request'],
      ['POST', '/pet', undefined, '400 invalid-request'],
      ['POST', '/pet/7', 'name=Rex', '200'],
      ['POST', '/pet/7', '{"name":"Rex"}', '415 media-type'],
      ['PATCH', '/pet', '{}', '405 method POST, PUT'],
      ['POST', '/pet/', '{}', '404 not-found'],
    ];
    it('Swagger 2 behaves as its OpenAPI 3 twin: the same calls are refused, for the same reason', async () => {
      for (const version of ['2.0', '3.0']) {
        const document = read(example(`${version}/json/petstore.json`));
        const { api } = await published.publish({ document, policy: { validateRequest: {} } }, []);
        for (const [method, path, body, outcome] of TWIN_CALLS)
          assert.equal(
            await published.callOnce(api, { method, path, body }),
            outcome,
            `${version} ${method} ${path} ${body}`,
          );
      }
    });
  });
