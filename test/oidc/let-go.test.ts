import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type KoaContextWithOIDC } from 'oidc-provider';
import { letGoWhenAnswered } from '../../src/oidc/let-go.js';

describe('a context of the library that was answered', () => {
  const contexts: KoaContextWithOIDC[] = [];
  let origin = '';
  const server = createServer();

  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = new Provider(origin);
    provider.use(async (ctx, next) => {
      await next();
      contexts.push(ctx as unknown as KoaContextWithOIDC);
      letGoWhenAnswered(ctx as unknown as KoaContextWithOIDC);
    });
    const handle = provider.callback();
    server.on('request', (request, response) => void handle(request, response));
  });
  after(() => server.close());

  async function answered(path: string): Promise<KoaContextWithOIDC> {
    const response = await fetch(`${origin}${path}`);
    await response.arrayBuffer();
    const ctx = contexts.pop() as KoaContextWithOIDC;
    if (ctx.res) await once(ctx.res, 'finish'); // our listener was there before this one
    return ctx;
  }

  it('holds nothing of the request any more', async () => {
    const ctx = await answered('/jwks');
    assert.equal(ctx.req, undefined);
    assert.equal(ctx.res, undefined);
    assert.equal(ctx.request, undefined);
    assert.equal(ctx.response, undefined);
    assert.deepEqual(Object.values(ctx.oidc).filter(Boolean), []);
  });

  it('is let go too where the library has no route', async () => {
    const ctx = await answered('/nothing-here');
    assert.equal(ctx.req, undefined);
  });

  it('takes a late failure of its connection', async () => {
    const ctx = await answered('/jwks');
    ctx.onerror(new Error('read ECONNRESET'));
  });
});
