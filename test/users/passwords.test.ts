import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openPasswords } from '../../src/users/index.js';

const QUICK = { memoryKiB: 19456, iterations: 2, parallelism: 1, concurrency: 2, queue: 8 };
const LEAKED = 'a long password that leaked';

describe('a new password', () => {
  it('is refused where very many people have it, in any case [SEC-33]', async () => {
    const passwords = openPasswords(QUICK);
    for (const common of ['password1', 'PASSWORD1', 'qwertyuiop', '12345678'])
      await assert.rejects(passwords.hash(common), /easy to guess/, common);
  });

  it('is refused with 7 and with 129 characters, and needs no kinds of characters [SEC-33]', async () => {
    const passwords = openPasswords(QUICK);
    await assert.rejects(passwords.hash('x7 y9 z'), {
      weakness: 'short',
      message: 'use at least 8 characters',
    });
    await assert.rejects(passwords.hash('x'.repeat(129)), {
      weakness: 'long',
      message: 'use at most 128 characters',
    });
    assert.match(await passwords.hash('plain words in a row'), /^\$argon2id\$/);
  });

  it('is refused where a service knows it from a leak, which hears five digits of its hash [SEC-33]', async () => {
    const digest = createHash('sha1').update(LEAKED).digest('hex').toUpperCase();
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(`${'0'.repeat(35)}:0\r\n${digest.slice(5)}:3\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
    const passwords = openPasswords({ ...QUICK, breachCheckUrl: url });
    await assert.rejects(passwords.hash(LEAKED), /known from a leak/);
    assert.match(await passwords.hash('a long password that did not'), /^\$argon2id\$/);
    assert.equal(asked[0], `/range/${digest.slice(0, 5)}`);
    await new Promise((resolve) => server.close(resolve) && server.closeAllConnections());
    // A service that is away stops nobody.
    assert.match(await passwords.hash(LEAKED), /^\$argon2id\$/);
  });
});
