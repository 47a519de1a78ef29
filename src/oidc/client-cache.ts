import { LRUCache } from 'lru-cache';
import type { AdapterPayload, Client as OidcClient } from 'oidc-provider';
import type { Client } from '../clients/index.js';
import { clientMetadata } from './client-metadata.js';

const MOST_CLIENTS = 10_000;
const CLIENT_ID = /^[\x21-\x7e]{1,100}$/;

interface Entry {
  client: Client;
  metadata: AdapterPayload;
  /** The library's own object, from when it begins to make it; not where that fails. */
  validated?: Promise<OidcClient | undefined> | undefined;
  /** The tenant's revocations when it was loaded, or known not to have ended since (src/revocations). */
  generation: number;
}

/** The enabled clients of one tenant, as of one version of it: a changed tenant gets a new cache. */
export class ClientCache {
  /** Counted by size, not by `max`: that would set room for all of them aside, 200 KiB for each tenant. */
  readonly #entries = new LRUCache<string, Entry>({ maxSize: MOST_CLIENTS, sizeCalculation: () => 1 });
  /** What is being loaded: all who ask meanwhile get the same, and with it the same keys. */
  readonly #loading = new Map<string, Promise<Entry | undefined>>();

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

  /**
   * Whether a client that is in the cache has not ended since it was loaded, up to a generation. One that has is forgotten: a
   * node may not have heard of the change yet.
   * @param endedSince asks the store, which is needed only where there was a revocation in between.
   */
  async livesAt(
    clientId: string,
    generation: number,
    endedSince: (loaded: number) => Promise<boolean>,
  ): Promise<boolean> {
    const entry = this.#entries.get(clientId);
    if (!entry) return false;
    if (entry.generation >= generation) return true;
    const ended = await endedSince(entry.generation);
    if (!ended) entry.generation = Math.max(entry.generation, generation);
    else if (this.#entries.get(clientId) === entry) this.forget(clientId);
    return !ended;
  }

  /** Reads it anew the next time. */
  forget(clientId: string): void {
    this.#entries.delete(clientId);
    this.#loading.delete(clientId);
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
      entry.validated ??= validate(clientId).then(
        (client) => {
          if (client) prepare(client, entry.client);
          else entry.validated = undefined;
          return client;
        },
        (error: unknown) => {
          entry.validated = undefined;
          throw error;
        },
      );
      return entry.validated;
    };
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
    return client?.enabled ? { client, metadata: clientMetadata(client), generation } : undefined;
  }
}
