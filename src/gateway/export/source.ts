import type { LiveApi } from '../types.js';

/** What an export is made of: a tenant's APIs as they are now. */
export interface ExportSource {
  tenant: { id: string; name: string; issuer: string };
  apis: readonly LiveApi[];
}

/** Something that the other product does not have, or cannot do as Gatehouse does. */
export interface LeftOut {
  what: string;
  why: string;
}
