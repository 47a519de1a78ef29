import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { openRegistry } from '../../../src/codegen/sdk/registry.js';
import type { Data } from '../../support/area.js';
import { clientToken } from '../../support/management.js';
import { startServer, type TestServer } from '../../support/server.js';
import { CODE, startParts, type Around, type Parts } from '../steps/parts.js';
import { Subjects, type Subject } from '../steps/support.js';

const { signal } = new AbortController();

// It is about registries and documents, and not about the store.
describe('a release whose input or registry is not as it should be', () => {
  let parts: Parts;
  let server: TestServer;
  let subjects: Subjects;
  before(async () => {
    parts = await startParts();
    server = await startServer(
      'sqlite',
      { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8' },
      { limits: { enabled: false }, codegen: { openapiGenerator: { url: parts.service } } },
      { jobs: { times: { look: 50, poll: 50 } } },
    );
    subjects = new Subjects(server, await clientToken(server, ['isms.all']), parts);
  });
  after(async () => {
    await server?.stop();
    await parts?.close();
  });

  /** Releases, and answers the job as it ends. */
  async function released(subject: Subject, more: Data = {}): Promise<Data> {
    const { id } = await subject.start(more);
    return subjects.ended(id);
  }
  const failureOf = ({ state, failure }: Data): unknown[] => {
    const { status, code, message } = (failure ?? {}) as Data;
    return [state, status, code, message];
  };
  const versionsOf = async (name: string): Promise<string[]> =>
    Object.keys((await parts.verdaccio.packument(name))?.versions ?? {});

  it('fails with the registry’s 409 where somebody else has published the version meanwhile, and the next one goes on', async () => {
    const subject = await subjects.release('overtaken');
    const { url, token, host } = parts.verdaccio;
    const theirs = openRegistry({ registry: new URL(url), token, reach: [host] });
    const before = (): Promise<void> =>
      theirs.publish(gzipSync('theirs'), { name: subject.name, version: '0.0.1', license: 'MIT' }, signal);
    parts.publishing.set(subject.name, { count: 0, before });
    const [state, status, code, message] = failureOf(await released(subject));
    assert.deepEqual([state, status, code], ['failed', 409, 200007]);
    assert.match(
      String(message),
      /^the registry has this version already \(it answers 409: .*already present/,
    );
    assert.deepEqual(await subjects.recorded(subject.api), [[], []]);
    parts.publishing.delete(subject.name);
    assert.equal((await released(subject))['state'], 'done');
    assert.deepEqual(await subjects.recorded(subject.api), [['0.0.2'], [subject.name]]);
    assert.deepEqual(await versionsOf(subject.name), ['0.0.1', '0.0.2']);
  });

  const ANSWERS: [name: string, what: string, after: Around['after']][] = [
    ['lost', 'the answer to the publication is lost', (response) => void response.destroy()],
    [
      'said-twice',
      'the registry says that it has the version, and it has the same bytes',
      (response) => void response.writeHead(409).end('{"error":"this package is already present"}'),
    ],
  ];
  for (const [name, what, after] of ANSWERS)
    it(`is done where ${what}: it is published and recorded once [SEC-C8]`, async () => {
      const subject = await subjects.release(name);
      const around = { count: 0, after };
      parts.publishing.set(name, around);
      assert.equal((await released(subject))['state'], 'done');
      assert.deepEqual([around.count, await versionsOf(name)], [1, ['0.0.1']]);
      assert.deepEqual(await subjects.recorded(subject.api), [['0.0.1'], [name]]);
    });

  it('raises the minor number for what breaks callers, below version 1.0', async () => {
    const subject = await subjects.release('below-one');
    const versions: unknown[] = [];
    for (const operations of [2, 1]) {
      const swaggerUrl = parts.document(subject.name, subject.number, { operations });
      versions.push(((await released(subject, { swaggerUrl }))['result'] as Data)['version']);
    }
    assert.deepEqual(versions, ['0.0.1', '0.1.0']);
  });

  for (const [name, what, secretOf, message] of [
    ['token', 'the token of the registry', (token: string) => token, /has the token in it that is set here/],
    [
      'base64',
      'it in Base64',
      (token: string) => Buffer.from(token).toString('base64'),
      /has the token in it/,
    ],
    [
      'github',
      'a token of GitHub',
      () => `ghp_${'a1'.repeat(18)}`,
      /info\.description .* GitHub, in line 2;/,
    ],
  ] as const)
    it(`is refused where the document has ${what}, which the README would show [SEC-C9]`, async () => {
      const subject = await subjects.release(`secret-${name}`);
      const secret = secretOf(parts.verdaccio.token);
      const swaggerUrl = parts.document(name, subject.number, { description: `Use\n${secret}` });
      const job = await released(subject, { swaggerUrl });
      const [state, status, code, said] = failureOf(job);
      assert.deepEqual([state, status, code], ['failed', 422, 200001]);
      assert.match(String(said), message);
      assert.ok(!JSON.stringify(job).includes(secret));
    });

  for (const [path, message] of [
    ['../../x.ts', /not relative, or climbs/],
    ['.git/config.ts', /or Git, do not take/],
    ['INDEX.ts', /"(?:index|INDEX)\.ts" twice, in this or another case/],
  ] as const)
    it(`is refused where the generator names a file ${path} [SEC-C6]`, async () => {
      const subject = await subjects.release(`path-${path.replace(/\W/g, '').toLowerCase()}`);
      parts.code = { ...CODE, [path]: 'export {};' };
      const job = await released(subject).finally(() => (parts.code = CODE));
      const [state, status, code, said] = failureOf(job);
      assert.deepEqual([state, status, code], ['failed', 422, 200006]);
      assert.match(String(said), message);
    });
});
