import type { IncomingMessage } from 'node:http';
import type { Knex } from 'knex';
import type { Look } from '../kernel/pages.js';
import type { Store, TenantDb } from '../store/index.js';
import type { Actor } from './access.js';
import type { Own } from './authority.js';
import type { CallTenant } from './operation.js';

/** What an operation did, for the audit. */
export interface Deed {
  operation: string;
  actor: Actor | undefined;
  target: string;
  /** The names of the fields that were given; their values may be secrets, or somebody's. */
  fields: string[];
}

/** What the routes stand on; the kernel knows no room. */
export interface ApiBase {
  store: Store;
  /** The tenant of the request's host. */
  tenantOf(request: IncomingMessage): CallTenant;
  /** How the tenant's pages look; without its name where the store could not say which tenant it is. */
  lookOf(request: IncomingMessage): Look;
  /** Whose token this is; undefined for one that is not valid here. */
  actorOf(request: IncomingMessage, token: string): Promise<Actor | undefined>;
  /** Whose the secret of an API resource is; undefined for a wrong one. */
  actorOfSecret(request: IncomingMessage, name: string, secret: string): Promise<Actor | undefined>;
  /** Whether pages of this origin may call from a browser. */
  mayCallFrom(request: IncomingMessage, origin: string): Promise<boolean>;
  /** What a caller may do as the transaction sees it; undefined for one who is not there any more. */
  actorNow(db: TenantDb, actor: Actor): Promise<Actor | undefined>;
  /** Whether the token that a caller came with still works, as the transaction sees it. */
  tokenLives(db: TenantDb, actor: Actor): Promise<boolean>;
  /** What is a confined caller's own. */
  ownOf(db: TenantDb, owner: string): Promise<Own>;
  /** Where a request comes from, after trusted proxies. */
  addressOf(request: IncomingMessage): string;
  /** Counts a change that anybody may make, and refuses one too many. @throws Failure */
  countOpen(request: IncomingMessage): void;
  /** Refuses a call of an address that has asked too often. @throws Failure */
  admit(request: IncomingMessage): void;
  /** Counts a call of a client, and refuses one too many. @throws Failure */
  count(request: IncomingMessage, clientId: string): void;
  /** Writes the audit row, in the transaction of the deed. */
  record(db: TenantDb, request: IncomingMessage, deed: Deed): Promise<void>;
  /** Marks the tenant as changed, in the transaction of the deed. */
  touch(trx: Knex, tenantId: string): Promise<void>;
  /** Makes this node look at changed tenants now. */
  refresh(): Promise<void>;
  /** What nobody expected; the answer tells nothing of it. */
  unexpected(request: IncomingMessage, error: unknown): void;
  /** Tells the request's log line how it ended. */
  note(request: IncomingMessage, facts: { clientId?: string; outcome?: string }): void;
}
