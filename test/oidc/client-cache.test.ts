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

const nothing = async (): Promise<void> => undefined;

/** The library, whose objects say what they were made from. */
function newLibrary(cache: ClientCache, make = (client: Client) => client as unknown as OidcClient) {
  const library = { find: async (_clientId: string): Promise<OidcClient | undefined> => undefined };
  const made: OidcClient[] = [];
  cache.replaceFind(library, {
    begin: nothing,
    make(client) {
      const object = make({ ...client });
      made.push(object);
      return object;
    },
  });
  return { find: (clientId: string) => library.find(clientId), made };
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

  it('are made once for all who ask meanwhile', async () => {
    const { cache, at } = newStore();
    const { find, made } = newLibrary(cache);
    const found = Promise.all(Array.from({ length: 20 }, () => find('app')));
    (await at(0)).answer(newClient('One'));
    assert.deepEqual([new Set(await found).size, made.length], [1, 1]);
  });

  it('are made again after an error', async () => {
    const { cache, at } = newStore();
    let made = 0;
    const { find } = newLibrary(cache, (client) => {
      made += 1;
      if (made === 1) throw new Error('refused');
      return client as unknown as OidcClient;
    });
    const first = find('app');
    (await at(0)).answer(newClient('One'));
    await assert.rejects(first, /refused/);
    assert.equal((await find('app'))?.clientId, 'app');
  });

  it('are no objects of the library where they are disabled', async () => {
    const { cache, at } = newStore();
    const { find, made } = newLibrary(cache);
    const found = find('app');
    (await at(0)).answer({ ...newClient('One'), enabled: false });
    assert.deepEqual([await found, made], [undefined, []]);
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
    assert.equal(asked.length, 2);
  });

  it('are all loaded again once all were forgotten, also where they were being loaded [SEC-R14]', async () => {
    const { cache, asked, at } = newStore();
    const first = cache.get('app');
    (await at(0)).answer(newClient('One'));
    await first;
    const before = cache.get('other');
    const old = await at(1);
    cache.forgetAll();
    const after = Promise.all([cache.get('app'), cache.get('other')]);
    (await at(2)).answer(newClient('Two'));
    (await at(3)).answer(newClient('New'));
    assert.deepEqual(
      (await after).map((client) => client?.clientName),
      ['Two', 'New'],
    );
    old.answer(newClient('Old'));
    assert.equal((await before)?.clientName, 'New');
    assert.equal(asked.length, 4);
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
    for (const [generation, ended] of [
      [1, true],
      [3, false],
      [3, true],
      [4, true],
      [4, true],
    ] as const)
      await cache.renew('app', generation, endedSince(ended));
    const again = cache.get('app');
    (await at(1)).answer(newClient('New'));
    assert.deepEqual([(await again)?.clientName, asked], ['New', [1, 3]]);
  });

  it('stay what they are for a request that has one, when they are forgotten meanwhile', async () => {
    const { cache, at } = newStore();
    const { find } = newLibrary(cache);
    const found = find('app');
    (await at(0)).answer(newClient('Old'));
    const before = (await found) as OidcClient;
    cache.forget('app');
    assert.equal(cache.known(before).clientName, 'Old');
    const later = find('app');
    (await at(1)).answer(newClient('New'));
    const after = (await later) as OidcClient;
    assert.deepEqual(
      [before, after].map((client) => [client.clientName, cache.known(client).clientName]),
      [
        ['Old', 'Old'],
        ['New', 'New'],
      ],
    );
  });

  it('are never of two times, when all are forgotten while the library looks for one [SEC-R14]', async () => {
    const { cache, at } = newStore();
    const { find } = newLibrary(cache);
    const found = find('app');
    const old = await at(0);
    cache.forgetAll();
    old.answer(newClient('Old'));
    (await at(1)).answer(newClient('New'));
    const client = (await found) as OidcClient;
    assert.deepEqual([client.clientName, cache.known(client).clientName], ['New', 'New']);
  });
});
