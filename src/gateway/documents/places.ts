import { Busy } from '../../kernel/errors.js';

/** So many documents of one tenant are fetched and read at a time: fewer than may wait, so that other tenants have places. */
export const PLACES_OF_TENANT = 6;

/** Does work on a document that a tenant has sent. @throws Busy where the tenant has as many under way */
export type InPlace = <T>(tenantId: string, work: () => Promise<T>) => Promise<T>;

/** Bounds what one tenant can take of the memory for documents, and of the thread that reads them. */
export function openPlaces(retryAfterSeconds: number): InPlace {
  const taken = new Map<string, number>();
  return async (tenantId, work) => {
    const before = taken.get(tenantId) ?? 0;
    if (before >= PLACES_OF_TENANT)
      throw new Busy('document', 'too many documents of this tenant at once', retryAfterSeconds);
    taken.set(tenantId, before + 1);
    try {
      return await work();
    } finally {
      const left = (taken.get(tenantId) ?? 1) - 1;
      if (left === 0) taken.delete(tenantId);
      else taken.set(tenantId, left);
    }
  };
}
