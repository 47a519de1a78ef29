import { openKeyRing, readKeys, type KeyRing } from '../../src/oidc/keys/index.js';
import type { Store, Vault } from '../../src/store/index.js';

/** The tenant's keys as a provider opens them: those that are missing are made first. */
export const loadKeyRing = async (
  store: Store,
  vault: Vault,
  tenantId: string,
  wanted?: readonly string[],
): Promise<KeyRing> => openKeyRing(await readKeys(store, vault, tenantId, wanted), vault, tenantId);
