import { randomBytes } from 'node:crypto';
import { sameToken } from '../../kernel/forms.js';
import type { Vault } from '../../store/index.js';

const CONFIRMATION = 'subscription-confirmation';
const END = 'subscription-end';

/** A code of 256 bits for the link that confirms a subscription. The store has only `confirmationHash` of it. */
export const newConfirmationCode = (): string => randomBytes(32).toString('base64url');

export const confirmationHash = (vault: Vault, code: string): string => vault.hash(CONFIRMATION, code);

/** What an address is counted by, so that the counts do not show it. */
export const addressHash = (vault: Vault, key: string): string => vault.hash('subscription-address', key);

const signatureOf = (vault: Vault, tenantId: string, apiId: string, id: string): string =>
  vault.hash(END, JSON.stringify([tenantId, apiId, id]));

/**
 * The code that ends a subscription: its id, and a keyed hash of 256 bits. It is computed for each mail, is stored nowhere, and
 * never expires.
 */
export const endingCode = (vault: Vault, tenantId: string, apiId: string, id: string): string =>
  `${id}.${signatureOf(vault, tenantId, apiId, id)}`;

/** The id of the subscription that a code ends; undefined for a code that is not of this API. */
export function readEndingCode(
  vault: Vault,
  tenantId: string,
  apiId: string,
  code: string,
): string | undefined {
  const at = code.indexOf('.');
  const id = code.slice(0, Math.max(at, 0));
  return sameToken(signatureOf(vault, tenantId, apiId, id), code.slice(at + 1)) ? id : undefined;
}
