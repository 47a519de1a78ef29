import { AsyncResource } from 'node:async_hooks';

const root = new AsyncResource('gatehouse');

/**
 * Runs work that belongs to no request, or begins another. From within one, it would inherit what that request keeps in
 * AsyncLocalStorage: `oidc-provider` and Koa find their context there, and would answer one request out of another's.
 */
export const outsideRequests = <T>(work: () => T): T => root.runInAsyncScope(work);
