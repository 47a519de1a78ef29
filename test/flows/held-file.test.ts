import assert from 'node:assert/strict';
import { join } from 'node:path';
import { SQLITE_FILE } from '../../src/store/store.js';
import { holdFile, type FileLock } from '../support/file-lock.js';
import { basic, bodyOf, send, type Heard, type Said } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { needsBrowser, newVisitor, stopBrowser } from '../support/browser.js';
import { startServer, type TestServer } from '../support/server.js';

describe('an SQLite file that another process writes to', () => {
  let server: TestServer;
  let token: string;
  let secret: string;
  let lock: FileLock;

  const ask = (path: string, said?: Said): Promise<Heard> => send(new URL(path, server.issuer), said);
  const asCaller = (): Record<string, string> => ({
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
  });
  /** One transaction. */
  const write = (name: string): Promise<Heard> =>
    ask('/api/Role', { method: 'POST', headers: asCaller(), body: JSON.stringify({ name }) });
  /** One statement of those that share a commit: the row of an opaque token. */
  const writeToken = (): Promise<Heard> =>
    ask('/connect/token', {
      headers: { authorization: basic('app', secret) },
      form: { grant_type: 'client_credentials', scope: 'stock.read' },
    });

  before(async () => {
    server = await startServer('sqlite', {}, { store: { waitSeconds: 1 } });
    token = await clientToken(server, ['isms.all']);
    await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
    secret = await server.addClient('app', { grantTypes: ['client_credentials'], scopes: ['stock.read'] });
    assert.equal((await writeToken()).status, 200);
  });
  beforeEach(async () => {
    lock = await holdFile(join(server.context.config.dataDir, SQLITE_FILE));
  });
  afterEach(() => lock.release());
  after(() => server.stop());
  after(stopBrowser);

  it('holds up writes alone: reads and /livez are answered meanwhile [SEC-R35]', async () => {
    const answered: string[] = [];
    const writing = write('held-up').then(({ status }) => answered.push(`write ${status}`));
    for (const path of ['/livez', '/api/Role', '/.well-known/openid-configuration'])
      answered.push(`${path} ${(await ask(path, { headers: asCaller() })).status}`);
    await writing;
    assert.deepEqual(answered, [
      '/livez 200',
      '/api/Role 200',
      '/.well-known/openid-configuration 200',
      'write 503',
    ]);
  });

  it('makes writes 503 when they have waited as long as one may, however many they are [SEC-R35]', async () => {
    const answers = await Promise.all([write('first'), writeToken(), write('second'), writeToken()]);
    for (const { status, headers } of answers)
      assert.deepEqual([status, headers.get('retry-after')], [503, '5']);
    const [first, ofToken] = answers.map(bodyOf);
    assert.equal(first?.['codeName'], 'ServiceUnavailable');
    assert.equal(ofToken?.['error'], 'temporarily_unavailable');
  }).timeout(8000); // one limit, not one for the connection and another for the file

  it('takes writes again when the other process is done [SEC-R35]', async () => {
    assert.equal((await write('too-early')).status, 503);
    assert.equal((await ask('/readyz')).status, 503);
    await lock.release();
    assert.equal((await write('in-time')).status, 200);
    assert.equal((await writeToken()).status, 200);
    assert.equal((await ask('/readyz')).status, 200);
  });

  it('lets a person who wanted to sign in go on by "Try again" when the other process is done [SEC-R35]', async function () {
    needsBrowser(this);
    const page = await (await newVisitor()).newPage();
    const answer = await page.goto(`${server.issuer}/account/devices`);
    assert.equal(answer?.status(), 503);
    await lock.release();
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.locator('#login').waitFor();
    assert.match(page.url(), /\/interaction\//);
  });

  it('shows no error to a person who followed a link that says that there was one [SEC-R35]', async () => {
    await lock.release();
    const link = '/account/callback?error=temporarily_unavailable&state=/account/devices';
    const { status, headers } = await ask(link, { headers: { accept: 'text/html' } });
    assert.deepEqual([status, headers.get('location')], [303, '/account/devices']);
  });

  it('has a link to try again where a person signs out', async function () {
    needsBrowser(this);
    const page = await (await newVisitor()).newPage();
    const { origin } = new URL(server.issuer);
    const answer = await page.goto(`${origin}/connect/endsession`);
    const link = page.getByRole('link', { name: 'Try again' });
    assert.equal(answer?.status(), 503, await page.content());
    assert.equal(await link.getAttribute('href'), '/connect/endsession');
  });
});
