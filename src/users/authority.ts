import type { Held } from '../api/index.js';
import type { NamesOfDevices } from '../clients/index.js';
import type { TenantDb } from '../store/index.js';
import type { CarriedNames } from './carried-names.js';
import { owningKeys } from './store.js';

/**
 * What those have who act as these users, besides what the users hold: what belongs to them by their key, and what MQTT keeps
 * for the names that their tokens carry. Only confined callers are judged by it.
 */
export async function reachOf(
  db: TenantDb,
  devices: NamesOfDevices,
  users: readonly { [Field in keyof CarriedNames]?: string | undefined }[],
): Promise<(user: CarriedNames) => Held> {
  const of = (field: keyof CarriedNames): string[] =>
    users.flatMap(({ [field]: value }) => (value === undefined ? [] : [value]));
  const keys = of('userKey');
  const owning = await owningKeys(db, keys);
  const names = await devices(db, [...keys, ...of('userName')]);
  return ({ userKey, userName }) => ({
    person: userKey,
    owns: owning.has(userKey),
    deviceNames: [userKey, userName].filter((name) => names.has(name)),
  });
}
