import { LRUCache } from 'lru-cache';
import type { AdapterPayload, Client as OidcClient } from 'oidc-provider';
import type { Client } from '../clients/index.js';
import { clientMetadata } from './client-metadata.js';

const MOST_CLIENTS = 10_000;
const CLIENT_ID = /^[\x21-\x7e]{1,100}$/;

interface Entry {
  client: Client;
  metadata: AdapterPayload;
  /** The library's own object, once it has made one. */
  validated?: OidcClient | undefined;
  /** The tenant's revocations when it was loaded (src/revocations). */
  generation: number;
}

/** The enabled clients of one tenant, as of one version of it: a changed tenant gets a new cache. */
export class ClientCache {
  /** Counted by size, not by `max`: that would set room for all of them aside, 200 KiB for each tenant. */
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MOST_CLIENTS, sizeCalculation: () => 1 });

  constructor(
    readonly find: (clientId: string) => Promise<Client | undefined>,
    readonly generation: () => Promise<number>,
  ) {}

  async metadata(clientId: string): Promise<AdapterPayload | undefined> {
    return (await this.#load(clientId))?.metadata;
  }

  async get(clientId: string): Promise<Client | undefined> {
    return (await this.#load(clientId))?.client;
  }

  /** The tenant's revocations when a client was loaded; undefined where it is not in the cache. */
  generationOf(clientId: string): number | undefined {
    return this.#entries.get(clientId)?.generation;
  }

  /** Reads it anew the next time. */
  forget(clientId: string): void {
    this.#entries.delete(clientId);
  }

  /** The client of a request that the library has authenticated already: it is in the cache. */
  known(clientId: string): Client {
    const entry = this.#entries.get(clientId);
    if (!entry) throw new Error(`client ${clientId} is not loaded`);
    return entry.client;
  }

  /**
   * Lets the library keep each client that it has validated for as long as the tenant stays the same. By itself it
   * hashes the whole metadata on every request, and keeps no more than a hundred.
   * @param prepare is called with each of them, before it is used.
   */
  keepValidated(
    library: { find(clientId: string): Promise<OidcClient | undefined> },
    prepare: (client: OidcClient, kept: Client) => void,
  ): void {
    const validate = library.find.bind(library);
    library.find = async (clientId) => {
      const entry = await this.#load(clientId);
      if (!entry) return undefined;
      if (entry.validated) return entry.validated;
      const client = await validate(clientId);
      // Another request may have been quicker: all use the same one, and with it the same keys.
      if (client && !entry.validated) {
        prepare(client, entry.client);
        entry.validated = client;
      }
      return entry.validated;
    };
  }

  async #load(clientId: string): Promise<Entry | undefined> {
    const cached = this.#entries.get(clientId);
    if (cached) return cached;
    if (!CLIENT_ID.test(clientId)) return undefined;
    const generation = await this.generation(); // first, so that a revocation in between is a later one
    const client = await this.find(clientId);
    if (!client?.enabled) return undefined;
    const entry: Entry = { client, metadata: clientMetadata(client), generation };
    this.#entries.set(clientId, entry);
    return entry;
  }
}
