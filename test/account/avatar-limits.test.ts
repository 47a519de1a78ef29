import assert from 'node:assert/strict';
import { jpeg, png } from '../support/files.js';
import { asForm } from '../support/management.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { Visitor, type Page } from '../support/visitor.js';

describe('pictures of accounts', () => {
  let server: TestServer;
  before(async () => {
    const limits = { windowSeconds: 3600, open: { address: 2 } };
    server = await startServer('sqlite', { GATEHOUSE_TRUST_PROXY: '127.0.0.1' }, { limits });
    for (const userName of ['rosa', 'hugo', 'lena']) await server.addUser({ userName });
  });
  after(() => server.stop());

  async function signIn(login: string): Promise<{ visitor: Visitor; page: Page }> {
    const visitor = new Visitor(server.issuer);
    const page = await visitor.submit(await visitor.go('/account'), '/sign-in', {
      login,
      password: PASSWORD,
    });
    return { visitor, page };
  }

  function send(
    { visitor, page }: { visitor: Visitor; page: Page },
    value: Buffer,
    from: string,
  ): Promise<Page> {
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
    const { bytes, headers } = asForm({ csrf, value });
    return visitor.go('/account/avatar', { body: bytes, headers: { ...headers, 'x-forwarded-for': from } });
  }

  it('are refused with a page where an account sends too many, from whichever address [SEC-R21]', async () => {
    const rosa = await signIn('rosa');
    for (const from of ['192.0.2.1', '192.0.2.2']) assert.equal((await send(rosa, png(), from)).status, 200);
    const refused = await send(rosa, png(), '192.0.2.3');
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get('ratelimit') ?? '', /^"account";r=0;t=\d+$/);
    assert.match(refused.html, /id="avatar/);
  });

  it('are refused where an address sends too many, for whichever account', async () => {
    const [hugo, lena] = [await signIn('hugo'), await signIn('lena')];
    assert.equal((await send(hugo, png(), '192.0.2.9')).status, 200);
    assert.equal((await send(lena, png(), '192.0.2.9')).status, 200);
    const refused = await send(lena, png(), '192.0.2.9');
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get('ratelimit') ?? '', /^"address";r=0;t=\d+$/);
  });

  it('are refused where a JPEG is drawn in more runs than pictures are', async () => {
    const hugo = await signIn('hugo');
    const runs = Array.from({ length: 25_000 }, () => Buffer.from('ffda0002', 'hex'));
    const refused = await send(hugo, Buffer.concat([jpeg().subarray(0, 33), ...runs]), '192.0.2.20');
    assert.equal(refused.status, 415);
    assert.match(refused.html, /That is not a JPEG or PNG picture/);
  });
});
