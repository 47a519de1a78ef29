import type { StoreContext } from '../store-context.js';
import { tenantTransaction } from '../store/index.js';
import { endPending } from '../oidc/sealed.js';
import { REVOKED_KEY_ENDS, revokeKeys } from '../oidc/keys/revocation.js';
import { scheduleOf } from '../oidc/keys/rotation.js';
import { RENEWABLE_SECRETS, renewTenantSecret, type RenewableSecret } from '../tenants/secrets.js';
import { listTenants, touchTenant } from '../tenants/store.js';
import { endCodes } from '../verification/index.js';

export interface Renewed {
  tenants: number;
  /** What has ended. */
  ends: readonly string[];
  /** What only people can do now. */
  left: readonly string[];
}

/** What a thief of the store and its master key still has, because it is not this store's to renew. */
const LEFT: readonly string[] = [
  'Still to be done by you:',
  '- Passwords of mail and SMS services, and client secrets of other identity providers: change them there, then set them with PUT /api/Messaging/Mail, PUT /api/Messaging/Sms and PUT /api/Tenant.',
  '- Secrets that are kept as hashes are random and cannot be read. Where one may have been chosen by a person, replace it: gatehouse client secret <client-id> --replace, gatehouse mqtt-app secret <app-id>, gatehouse registration end --all.',
  '- Passwords of people are slow hashes; weak ones can be guessed. Passwords of devices are a fast hash by default (mqtt.passwords): replace those that are not random. docs/operations.md, "Something has leaked", says what to do about a copied store.',
];

/**
 * Renews in every tenant what the sealed part of the store held: signing keys, cookie keys and DPoP nonces. Ends sign-ins
 * under way, device codes and one-time codes, whose secrets could be read or guessed. Can be repeated.
 */
export async function renewAll({ config, store, vault, audit }: StoreContext): Promise<Renewed> {
  const tenants = await listTenants(store.knex);
  for (const { id, name } of tenants) {
    await revokeKeys(store, vault, id, scheduleOf(config), 'all');
    await tenantTransaction(store, id, async (db) => {
      for (const secret of Object.keys(RENEWABLE_SECRETS) as RenewableSecret[])
        await renewTenantSecret(db, vault, secret);
      await endPending(db);
      await endCodes(db);
    });
    await store.transaction((trx) => touchTenant(trx, id));
    await audit(id, { event: 'keys.compromised', result: 'success', actor: 'cli', target: name });
  }
  const ends = [
    ...REVOKED_KEY_ENDS,
    ...Object.values(RENEWABLE_SECRETS),
    'Sign-ins under way, device codes and one-time codes have ended: people begin again.',
  ];
  return { tenants: tenants.length, ends, left: LEFT };
}
