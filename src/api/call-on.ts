import type { Knex } from 'knex';
import { tenantDb } from '../store/index.js';
import type { AnyCall, AnyOperation } from './operation.js';

/** What a call is, without a connection to the store. */
export type Input = Omit<AnyCall, 'db' | 'everything'>;

/** What the handler is given, over one connection: the tenant's tables, and the others' only where it is about all of them. */
export const callOn = (connection: Knex, { home }: Pick<AnyOperation, 'home'>, input: Input): AnyCall =>
  ({
    ...input,
    db: tenantDb(connection, input.tenant.id),
    ...(home && { everything: connection }),
  }) as AnyCall;
