import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { openRegistry, type Registry } from '../../../src/codegen/sdk/registry.js';
import { Failure } from '../../../src/api/index.js';
import { startBackend, type Backend } from '../../support/gateway.js';
import { startVerdaccio, type Verdaccio } from '../../support/verdaccio.js';

const { signal } = new AbortController();
const TARBALL = gzipSync('not read by the registry');
const INTEGRITY = `sha512-${createHash('sha512').update(TARBALL).digest('base64')}`;
const manifest = (version: string, name = '@example/orders') => ({ name, version, license: 'MIT' });

async function failureOf(work: Promise<unknown>): Promise<[status: number, code: number, message: string]> {
  const error: unknown = await work.then(
    () => assert.fail('it went well'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Failure, String(error));
  return [error.status, error.code.code, error.message];
}

describe('a registry of packages', () => {
  let verdaccio: Verdaccio;
  let open: (token?: string, reach?: string[]) => Registry;
  before(async () => {
    verdaccio = await startVerdaccio();
    open = (token = verdaccio.token, reach = [verdaccio.host]) =>
      openRegistry({ registry: new URL(verdaccio.url), token, reach });
  });
  after(() => verdaccio.close());

  it('has nothing of a package that was never published', async () => {
    const published = await open().read('@example/nothing', signal);
    assert.deepEqual([published.latest, published.integrityOf('1.0.0')], [undefined, undefined]);
  });

  it('has what was published, with its integrity', async () => {
    const registry = open();
    await registry.publish(TARBALL, manifest('1.0.0'), signal);
    await registry.publish(TARBALL, manifest('1.1.0'), signal);
    const published = await registry.read('@example/orders', signal);
    assert.deepEqual(
      [published.latest, published.integrityOf('1.0.0'), published.integrityOf('2.0.0')],
      ['1.1.0', INTEGRITY, undefined],
    );
    assert.equal(published.integrityOf('constructor'), undefined);
  });

  it('has a version once: 409 with its own words', async () => {
    const registry = open();
    await registry.publish(TARBALL, manifest('1.0.0', 'twice'), signal);
    const [status, code, message] = await failureOf(
      registry.publish(TARBALL, manifest('1.0.0', 'twice'), signal),
    );
    assert.deepEqual([status, code], [409, 200007]);
    assert.match(message, /has this version already.*409.*already present/);
  });

  it('does not take a wrong token, and the failure does not say it', async () => {
    const [status, code, message] = await failureOf(
      open('a-wrong-token').publish(TARBALL, manifest('1.0.0', 'refused'), signal),
    );
    assert.deepEqual([status, code], [502, 200007]);
    assert.doesNotMatch(message, /a-wrong-token/);
    assert.equal(await verdaccio.packument('refused'), undefined);
  });

  it('is not connected to where the operator has not opened its private address [SEC-C3]', async () => {
    for (const work of [
      open(undefined, []).read('orders', signal),
      open(undefined, []).publish(TARBALL, manifest('1.0.0', 'private'), signal),
    ]) {
      const [status, code, message] = await failureOf(work);
      assert.deepEqual([status, code], [502, 200007]);
      assert.match(message, /private network/);
    }
  });
});

const json = (response: ServerResponse, status: number, value: unknown): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

describe('a registry that does not behave', () => {
  const TOKEN = 'npm_0123456789abcdef';
  let answer: (response: ServerResponse, url: string) => void;
  let backend: Backend;
  before(async () => {
    backend = await startBackend((request, response) => {
      request.resume();
      request.on('end', () => answer(response, request.url ?? ''));
    });
  });
  after(() => backend.close());

  const open = (): Registry =>
    openRegistry({
      registry: new URL(`${backend.url}/npm/`),
      token: TOKEN,
      reach: [backend.host],
      milliseconds: 500,
    });
  const read = () => open().read('@example/orders', signal);
  const publish = () => open().publish(TARBALL, manifest('1.0.0'), signal);

  it('gets the token, and a path below its own', async () => {
    answer = (response) => json(response, 201, { ok: true });
    await publish();
    const { method, url, headers } = backend.asked.at(-1) ?? assert.fail();
    assert.deepEqual(
      [method, url, headers.authorization, headers.host],
      ['PUT', '/npm/@example%2forders', `Bearer ${TOKEN}`, backend.host],
    );
  });

  const ANSWERS: readonly [
    what: string,
    answer: (response: ServerResponse, url: string) => void,
    status: number,
    message: RegExp,
  ][] = [
    [
      'refuses the token',
      (r) => json(r, 401, { error: 'token expired' }),
      502,
      /valid one.*401: token expired/,
    ],
    ['forbids', (r) => json(r, 403, { error: 'not your scope' }), 502, /403: not your scope/],
    [
      'fails',
      (r) => void r.writeHead(500).end('<html>\n<b>boom</b>'),
      502,
      /does not take the package \(it answers 500\)$/,
    ],
    [
      'says the token',
      (r) => json(r, 400, { error: `Bearer ${TOKEN} is bad` }),
      502,
      /400: Bearer \*\*\* is bad/,
    ],
    ['answers with very much', (r) => json(r, 400, { error: 'x'.repeat(200_000) }), 502, /^.{1,700}$/],
    [
      'redirects to itself',
      (r) => void r.writeHead(307, { location: '/npm/elsewhere' }).end(),
      502,
      /redirects \(307\)/,
    ],
    [
      'redirects to another server',
      (r) => void r.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
      502,
      /redirects \(302\)/,
    ],
    ['hangs', () => undefined, 502, /no answer within 0.5 seconds/],
    ['breaks off', (r) => void r.destroy(), 502, /connection to the registry failed/],
    [
      'stops in the middle',
      (r) => void r.writeHead(500, { 'content-length': 100 }).write('half'),
      502,
      /no answer within|connection to the registry failed/,
    ],
  ];
  for (const [what, how, status, message] of ANSWERS)
    it(`that ${what} is a failure with what to change [SEC-C10]`, async () => {
      answer = how;
      const before = backend.asked.length;
      for (const work of [read, publish]) {
        const [answered, code, said] = await failureOf(work());
        assert.deepEqual([answered, code], [status, 200007]);
        assert.match(said, message);
        assert.doesNotMatch(said, new RegExp(TOKEN));
      }
      assert.equal(backend.asked.length - before, 2, 'each is asked once');
    });

  it('that has a version already is 409 when it is published to, and 502 when it is read', async () => {
    answer = (response) => json(response, 409, { error: 'conflict' });
    assert.equal((await failureOf(publish()))[0], 409);
  });

  for (const [what, body] of [
    ['no JSON', 'hello'],
    ['a page', '<!doctype html><title>Sign in</title>'],
    ['more than 16 MiB', ' '.repeat(16 * 1024 * 1024 + 1)],
    ['another package', JSON.stringify({ name: 'other', 'dist-tags': { latest: '9.9.9' } })],
    ['a list', '[]'],
    ['null', 'null'],
  ] as const)
    it(`that answers with ${what} in place of a package is a failure`, async () => {
      answer = (response) => void response.end(body);
      const [status, code] = await failureOf(read());
      assert.deepEqual([status, code], [502, 200007]);
    });

  it('that answers with nonsense in a package has no such version', async () => {
    answer = (response) =>
      json(response, 200, {
        name: '@example/orders',
        'dist-tags': { latest: { toString: 1 } },
        versions: { '1.0.0': null, '1.1.0': { dist: { integrity: 5 } } },
      });
    const published = await read();
    assert.deepEqual(
      [published.latest, published.integrityOf('1.0.0'), published.integrityOf('1.1.0')],
      [undefined, '', ''],
    );
  });

  it('is left when the work is cancelled', async () => {
    const asked = new Promise<void>((resolve) => (answer = () => resolve()));
    const controller = new AbortController();
    const work = open().publish(TARBALL, manifest('1.0.0'), controller.signal);
    await asked;
    controller.abort(new Error('cancelled'));
    await assert.rejects(work, /cancelled/);
  });
});
