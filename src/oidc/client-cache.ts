import { LRUCache } from 'lru-cache';
import type { Client as OidcClient } from 'oidc-provider';
import type { Client } from '../clients/index.js';

const MOST_CLIENTS = 10_000;
const CLIENT_ID = /^[\x21-\x7e]{1,100}$/;

/** A client as the library has it. */
export type LibraryClient = Pick<OidcClient, 'clientId'>;

interface Entry {
  client: Client;
  /** The library's own object, from when a request needs it. */
  made?: OidcClient;
  /** The tenant's revocations when it was loaded, or known not to have ended since (src/revocations). */
  generation: number;
}

/** The enabled clients of one tenant, as of one version of it: a change of the tenant makes it forget them. */
export class ClientCache {
  /** Counted by size, not by `max`: that would set room for all of them aside, 200 KiB for each tenant. */
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MOST_CLIENTS, sizeCalculation: () => 1 });
  /** What is being loaded: all who ask meanwhile get the same, and with it the same keys. */
  readonly #loading = new Map<string, Promise<Entry | undefined>>();
  /** What the library's clients were made from. */
  readonly #madeFrom = new WeakMap<LibraryClient, Entry>();

  constructor(
    readonly find: (clientId: string) => Promise<Client | undefined>,
    readonly generation: () => Promise<number>,
  ) {}

  async get(clientId: string): Promise<Client | undefined> {
    return (await this.#load(clientId))?.client;
  }

  /** The tenant's revocations when a client of the library was loaded. */
  generationOf(client: LibraryClient): number {
    return this.#entryOf(client).generation;
  }

  /**
   * Forgets a client that has ended since it was loaded, up to a generation: a node may not have heard of the change yet.
   * @param endedSince asks the store, which is needed only where there was a revocation in between.
   */
  async renew(
    clientId: string,
    generation: number,
    endedSince: (loaded: number) => Promise<boolean>,
  ): Promise<void> {
    const entry = this.#entries.get(clientId);
    if (!entry || entry.generation >= generation) return;
    const ended = await endedSince(entry.generation);
    if (!ended) entry.generation = Math.max(entry.generation, generation);
    else if (this.#entries.get(clientId) === entry) this.forget(clientId);
  }

  /** The next request reads it from the store. */
  forget(clientId: string): void {
    this.#entries.delete(clientId);
    this.#loading.delete(clientId);
  }

  /** The next request for each client reads it from the store. */
  forgetAll(): void {
    this.#entries.clear();
    this.#loading.clear();
  }

  /** What a client of the library was made from. A request keeps to it, also when the client changes or is forgotten meanwhile. */
  known(client: LibraryClient): Client {
    return this.#entryOf(client).client;
  }

  /**
   * Replaces the library's search for a client. The library hashes the whole metadata on every request and keeps a hundred
   * clients. It also has one object for two clients of the same metadata, such as one client before and after a second
   * secret: a request that begins with the first would go on with the other.
   * @param begin is called before a client is looked up.
   * @param make makes the library's object, once for each client that was loaded.
   */
  replaceFind(
    library: { find(clientId: string): Promise<OidcClient | undefined> },
    {
      begin,
      make,
    }: {
      begin(this: void, clientId: string): Promise<void>;
      make(this: void, client: Client): OidcClient;
    },
  ): void {
    library.find = async (clientId) => {
      await begin(clientId);
      const entry = await this.#load(clientId);
      if (!entry || entry.made) return entry?.made;
      entry.made = make(entry.client);
      this.#madeFrom.set(entry.made, entry);
      return entry.made;
    };
  }

  #entryOf(client: LibraryClient): Entry {
    const entry = this.#madeFrom.get(client);
    if (!entry) throw new Error(`client ${client.clientId} was not made here`);
    return entry;
  }

  async #load(clientId: string): Promise<Entry | undefined> {
    const cached = this.#entries.get(clientId);
    if (cached) return cached;
    if (!CLIENT_ID.test(clientId)) return undefined;
    const begun = this.#loading.get(clientId);
    if (begun) return begun;
    const loading = this.#read(clientId).then(
      (entry) => {
        // Where it was forgotten meanwhile, this is the client as it was before.
        if (this.#loading.get(clientId) !== loading) return this.#load(clientId);
        this.#loading.delete(clientId);
        if (entry) this.#entries.set(clientId, entry);
        return entry;
      },
      (error: unknown) => {
        if (this.#loading.get(clientId) === loading) this.#loading.delete(clientId);
        throw error;
      },
    );
    this.#loading.set(clientId, loading);
    return loading;
  }

  async #read(clientId: string): Promise<Entry | undefined> {
    const generation = await this.generation(); // first, so that a revocation in between is a later one
    const client = await this.find(clientId);
    return client?.enabled ? { client, generation } : undefined;
  }
}
