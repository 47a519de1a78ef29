import { basicHalves } from '../kernel/basic.js';
import { tenantDb, type Store, type Vault } from '../store/index.js';
import { appOf, type CallingApp } from './apps.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import type { MqttApp, Right } from './schema.js';

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="mqtt", charset="UTF-8"' };
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

const LONGEST = 1000;

/** The app that calls, by its Authorization header, in its tenant. @throws MqttFailure: 401 */
export async function authenticate(
  { store, vault }: { store: Store; vault: Vault },
  header: string,
  tenantId: string,
): Promise<CallingApp> {
  const [, encoded = ''] = BASIC.exec(header.slice(0, LONGEST)) ?? [];
  const given = basicHalves(encoded);
  const app = given && (await appOf(tenantDb(store.knex, tenantId), vault, given.name, given.secret));
  if (!app) throw wrongApp();
  return app;
}

export const wrongApp = (): MqttFailure =>
  new MqttFailure(
    401,
    CODES.wrongApp,
    'send the app_id and app_secret of an enabled app of this tenant by HTTP Basic',
    CHALLENGE,
  );

/** @throws MqttFailure: 403 */
export function demand({ rights }: MqttApp, right: Right): void {
  if (!rights.includes(right))
    throw new MqttFailure(403, CODES.noRight, `the app needs the right "${right}"`);
}
