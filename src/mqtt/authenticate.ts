import type { Context } from 'koa';
import { tenantDb, type Store, type Vault } from '../store/index.js';
import { appOf } from './apps.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import type { MqttApp, Right } from './schema.js';

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="mqtt", charset="UTF-8"' };
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/** The app id and the secret of a Basic header (RFC 7617): what stands before the first colon, and all after it. */
function credentialsOf(header: string): { appId: string; secret: string } | undefined {
  const [, encoded] = BASIC.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { appId: text.slice(0, colon), secret: text.slice(colon + 1) };
}

const LONGEST = 1000;

/** The app that calls, in its tenant. @throws MqttFailure: 401 */
export async function authenticate(
  { store, vault }: { store: Store; vault: Vault },
  ctx: Context,
  tenantId: string,
): Promise<MqttApp> {
  const given = credentialsOf(ctx.get('Authorization').slice(0, LONGEST));
  const app = given && (await appOf(tenantDb(store.knex, tenantId), vault, given.appId, given.secret));
  if (!app) throw new MqttFailure(401, CODES.wrongApp, 'send app_id and app_secret by HTTP Basic', CHALLENGE);
  return app;
}

/** @throws MqttFailure: 403 */
export function demand({ rights }: MqttApp, right: Right): void {
  if (!rights.includes(right))
    throw new MqttFailure(403, CODES.noRight, `the app needs the right "${right}"`);
}
