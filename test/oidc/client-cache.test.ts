import assert from 'node:assert/strict';
import type { Client as OidcClient } from 'oidc-provider';
import { clientSettings, type Client } from '../../src/clients/index.js';
import { ClientCache } from '../../src/oidc/client-cache.js';

const newClient = (clientName: string): Client => ({
  id: 'id',
  clientId: 'app',
  clientName,
  description: null,
  enabled: true,
  settings: clientSettings({}),
  secrets: [],
  properties: {},
  owner: null,
  createdAt: 0,
  updatedAt: 0,
});

/** A store whose answers come when they are given, in the order of the questions. */
function newStore() {
  const asked: { answer(client: Client | undefined): void; fail(error: Error): void }[] = [];
  const cache = new ClientCache(
    () => new Promise<Client | undefined>((answer, fail) => asked.push({ answer, fail })),
    async () => 1,
  );
  const at = async (n: number) => {
    while (asked.length <= n) await new Promise((resolve) => setImmediate(resolve));
    return asked[n] as (typeof asked)[number];
  };
  return { cache, asked, at };
}

describe('the clients in memory', () => {
  it('are loaded once for all who ask meanwhile', async () => {
    const { cache, asked, at } = newStore();
    const found = Promise.all(Array.from({ length: 20 }, () => cache.get('app')));
    (await at(0)).answer(newClient('One'));
    assert.deepEqual(new Set((await found).map((client) => client?.clientName)), new Set(['One']));
    assert.equal((await cache.get('app'))?.clientName, 'One');
    assert.equal(asked.length, 1);
  });

  it('are validated once for all who ask meanwhile', async () => {
    const { cache, at } = newStore();
    let validated = 0;
    const prepared: OidcClient[] = [];
    const library = {
      async find(_clientId: string): Promise<OidcClient | undefined> {
        validated += 1;
        await cache.metadata('app');
        return { clientId: 'app' } as OidcClient;
      },
    };
    cache.keepValidated(library, (client) => prepared.push(client));
    const found = Promise.all(Array.from({ length: 20 }, () => library.find('app')));
    (await at(0)).answer(newClient('One'));
    assert.deepEqual([new Set(await found).size, validated, prepared.length], [1, 1, 1]);
  });

  it('are validated again after an error', async () => {
    const { cache, at } = newStore();
    let validated = 0;
    const library = {
      async find(_clientId: string): Promise<OidcClient | undefined> {
        validated += 1;
        if (validated === 1) throw new Error('away');
        return { clientId: 'app' } as OidcClient;
      },
    };
    cache.keepValidated(library, () => undefined);
    const first = library.find('app');
    (await at(0)).answer(newClient('One'));
    await assert.rejects(first, /away/);
    assert.equal((await library.find('app'))?.clientId, 'app');
  });

  it('are loaded again after an error, and where there was none', async () => {
    const { cache, at } = newStore();
    const first = cache.get('app');
    (await at(0)).fail(new Error('away'));
    await assert.rejects(first, /away/);
    const second = cache.get('app');
    (await at(1)).answer(undefined);
    assert.equal(await second, undefined);
    const third = cache.get('app');
    (await at(2)).answer(newClient('One'));
    assert.equal((await third)?.clientName, 'One');
  });

  it('are loaded again where they have changed while they were loaded [SEC-R14]', async () => {
    const { cache, asked, at } = newStore();
    const before = cache.get('app');
    const old = await at(0);
    cache.forget('app');
    const after = cache.get('app');
    (await at(1)).answer(newClient('New'));
    assert.equal((await after)?.clientName, 'New');
    old.answer(newClient('Old'));
    assert.equal((await before)?.clientName, 'New');
    assert.equal(cache.known('app').clientName, 'New');
    assert.equal(asked.length, 2);
  });

  it('are looked for among the revocations only after one, and are forgotten where they ended [SEC-R7]', async () => {
    const { cache, at } = newStore();
    const found = cache.get('app');
    (await at(0)).answer(newClient('One'));
    await found;
    const asked: number[] = [];
    const endedSince =
      (ended: boolean) =>
      async (loaded: number): Promise<boolean> => {
        asked.push(loaded);
        return ended;
      };
    const lives: boolean[] = [];
    for (const [generation, ended] of [
      [1, true],
      [3, false],
      [3, true],
      [4, true],
      [4, false],
    ] as const)
      lives.push(await cache.livesAt('app', generation, endedSince(ended)));
    assert.deepEqual(
      [lives, asked],
      [
        [true, true, true, false, false],
        [1, 3],
      ],
    );
  });
});
