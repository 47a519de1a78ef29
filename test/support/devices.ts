import { insertApp, type Right } from '../../src/mqtt/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { basic, bodyOf, send } from './http.js';
import type { TestServer } from './server.js';

export const APP = 'app_id';
export const APP_SECRET = 'app:secret-0123456789-0123456789-0123456789';

/** What a call of the MQTT side was answered. */
export interface Heard {
  status: number;
  body: Record<string, unknown>;
  text: string;
}

/** Calls by an app: JSON to `/api/v4`, and what brokers send to `/mqtt`. */
export interface DeviceApi {
  call(method: string, path: string, json?: unknown, authorization?: string): Promise<Heard>;
  /** As EMQX 5 asks. */
  ask(path: string, json: Record<string, unknown>, authorization?: string): Promise<Heard>;
  /** As EMQX 4, Mosquitto's plugin and RabbitMQ ask. */
  askByForm(path: string, form: Record<string, string>, authorization?: string): Promise<Heard>;
}

/** @param tenant whose app it is; the home tenant's where nothing is said. */
export async function deviceApi(
  server: TestServer,
  {
    tenant = server.home.tenant,
    origin = server.issuer,
    rights,
  }: { tenant?: Tenant; origin?: string; rights?: readonly Right[] } = {},
): Promise<DeviceApi> {
  await server.change(
    (db) =>
      insertApp(db, server.context.vault, { appId: APP, secret: APP_SECRET, ...(rights && { rights }) }),
    tenant,
  );
  const own = basic(APP, APP_SECRET);
  const request = async (
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
  ): Promise<Heard> => {
    const answer = await send(new URL(path, origin), {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, body: bodyOf(answer), text: answer.text };
  };
  return {
    call: (method, path, json, authorization = own) =>
      request(
        method,
        `/api/v4/${path}`,
        authorization ? { authorization } : {},
        json === undefined || typeof json === 'string' ? json : JSON.stringify(json),
      ),
    ask: (path, json, authorization = own) =>
      request(
        'POST',
        path,
        { ...(authorization && { authorization }), 'content-type': 'application/json' },
        JSON.stringify(json),
      ),
    askByForm: (path, form, authorization = own) =>
      request(
        'POST',
        path,
        {
          ...(authorization && { authorization }),
          'content-type': 'application/x-www-form-urlencoded',
        },
        new URLSearchParams(form).toString(),
      ),
  };
}
