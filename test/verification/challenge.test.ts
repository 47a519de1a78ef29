import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, type ApiAnswer } from '../support/management.js';
import { follow } from '../support/people.js';
import { startServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

/** A service in the siteverify protocol, which takes the token `solved`. */
async function service() {
  const asked: Record<string, string>[] = [];
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const form = Object.fromEntries(new URLSearchParams(body));
      asked.push(form);
      response.end(JSON.stringify({ success: form['response'] === 'solved' }));
    });
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/siteverify`,
    asked,
    close: () => new Promise((resolve) => listening.close(resolve) && listening.closeAllConnections()),
  };
}

describe('a challenge before codes are sent', () => {
  it('is asked of a service in the siteverify protocol, and nothing is sent without it', async () => {
    const { url, asked, close } = await service();
    const server = await startServer('sqlite', {}, { codes: { challenge: { url, secret: 'ours' } } });
    const ask = (json: object): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path: '/api/User/SmsCode', json });
    const fieldOf = ({ status, body }: ApiAnswer): unknown[] => [
      status,
      (body['data'] as { field?: string }[] | null)?.[0]?.field,
    ];
    const phoneNumber = '+8613800138001';

    assert.deepEqual(fieldOf(await ask({ phoneNumber })), [422, 'challenge']);
    assert.deepEqual(asked, []);
    assert.deepEqual(fieldOf(await ask({ phoneNumber, challenge: 'guessed' })), [422, 'challenge']);
    await server.outbox.deliver();
    assert.deepEqual(server.screen.of(server.home.tenant.id), []);
    assert.equal((await ask({ phoneNumber, challenge: 'solved' })).status, 200);
    assert.deepEqual(asked.at(-1), { secret: 'ours', response: 'solved', remoteip: '127.0.0.1' });

    // A service that is away lets nobody through: messages cost money.
    await close();
    const other = { phoneNumber: '+8613800138002', challenge: 'solved' };
    assert.deepEqual(fieldOf(await ask(other)), [422, 'challenge']);
    await server.stop();
  });

  it('has a page of its own, which people are led to before they ask for a code on ours', async () => {
    const { url, close } = await service();
    const page = 'https://challenge.example.com/solve';
    const server = await startServer('sqlite', {}, { codes: { challenge: { url, secret: 'ours', page } } });
    const visitor = new Visitor(server.issuer);
    const signIn = await visitor.go('/account');
    const asked = await follow(visitor, signIn, '/code');
    assert.equal(asked.url.origin + asked.url.pathname, page);
    const back = new URL(asked.url.searchParams.get('return_to') ?? '');
    assert.equal(back.origin, server.issuer);
    const phone = '+8613800138001';

    const refused = await visitor.submit(
      await visitor.go(new URL(`${back.href}&challenge=guessed`)),
      '/code',
      { login: phone },
    );
    assert.match(refused.html, /The check that you are a person did not work/);
    await visitor.submit(await visitor.go(new URL(`${back.href}&challenge=solved`)), '/code', {
      login: phone,
    });
    const [queued] = await server.context.store.knex('outbox').where({ kind: 'code' }).count('* as rows');
    assert.equal(Number(queued?.['rows']), 1);
    await server.stop();
    await close();
  });

  it('without such a page leaves pages without codes, because they run no scripts', async () => {
    const { url, close } = await service();
    const server = await startServer('sqlite', {}, { codes: { challenge: { url, secret: 'ours' } } });
    const page = await new Visitor(server.issuer).go('/account');
    assert.doesNotMatch(page.html, /\/code|\/forgot|\/register/);
    await server.stop();
    await close();
  });
});
