import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { call, type ApiAnswer } from '../support/management.js';
import { startServer } from '../support/server.js';

describe('a challenge before codes are sent', () => {
  it('is asked of a service in the siteverify protocol, and nothing is sent without it', async () => {
    const asked: Record<string, string>[] = [];
    const service = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const form = Object.fromEntries(new URLSearchParams(body));
        asked.push(form);
        response.end(JSON.stringify({ success: form['response'] === 'solved' }));
      });
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/siteverify`;
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
    await new Promise((resolve) => service.close(resolve) && service.closeAllConnections());
    const other = { phoneNumber: '+8613800138002', challenge: 'solved' };
    assert.deepEqual(fieldOf(await ask(other)), [422, 'challenge']);
    await server.stop();
  });
});
