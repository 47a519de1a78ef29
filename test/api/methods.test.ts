import assert from 'node:assert/strict';
import { OPERATIONS } from '../../src/management.js';
import { bodyOf, send } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const PATHS = [...new Set(OPERATIONS.map(({ path }) => path))];
const METHODS = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'];

/** What can be asked at an address: `/api/Role/Codes` is `/api/Role/{id}` as well. */
function declaredAt(address: string): string[] {
  const declared = OPERATIONS.filter(({ path }) =>
    new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`, 'i').test(address),
  ).map(({ method }) => method as string);
  return [...new Set(declared.includes('GET') ? [...declared, 'HEAD'] : declared)].sort();
}

describe('a method that no operation at an address has', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite', {}, { limits: { enabled: false } });
  });
  after(() => server.stop());

  const ask = async (method: string, path: string): Promise<unknown[]> => {
    const heard = await send(new URL(path, server.issuer), { method });
    return [heard.status, heard.headers.get('allow'), bodyOf(heard)['code']];
  };

  it('is 405 with those that are declared, at every address of the API', async () => {
    for (const path of PATHS) {
      const address = path.replace(/\{\w+\}/g, 'x9');
      const declared = declaredAt(address);
      const others = METHODS.filter((method) => !declared.includes(method));
      assert.ok(others.includes('PATCH'));
      for (const method of others.slice(0, 2))
        assert.deepEqual(await ask(method, address), [405, declared.join(', '), 405], `${method} ${address}`);
    }
  });

  it('says what to use, in letters of either case', async () => {
    const { status, text } = await send(new URL('/api/apiresource/x9/PUBLISH', server.issuer), {
      method: 'POST',
    });
    assert.equal(status, 405);
    assert.match(text, /the address has no POST; use PUT/);
  });

  it('is 404 where nothing is declared', async () => {
    assert.deepEqual(await ask('POST', '/api/Nothing/at/all'), [404, null, 404]);
  });
});
