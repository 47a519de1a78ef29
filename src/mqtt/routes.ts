import type { IncomingMessage, ServerResponse } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import { aclRoutes } from './acl-routes.js';
import { appRoutes } from './app-routes.js';
import { credentialRoutes, type TablesBase } from './credential-routes.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import type { Frame } from './frame.js';
import type { Vault } from '../store/index.js';

export interface ApiBase extends TablesBase {
  vault: Vault;
  /** Called after a change to the apps of the tenant that the request is about. */
  appsChanged(request: IncomingMessage): Promise<void>;
}

/** What manages devices' credentials and their rights, as EMQX 4's clients call it: `/api/v4`. */
export function mqttApi(
  frame: Frame,
  { vault, appsChanged, ...tables }: ApiBase,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const app = new Koa({ proxy: true });
  app.silent = true; // the frame tells
  const router = new Router({ prefix: '/api/v4' });
  credentialRoutes(router, frame, tables);
  aclRoutes(router, frame);
  appRoutes(router, frame, vault, (ctx) => appsChanged(ctx.req));
  app.use(frame.answerFailures);
  app.use(frame.admit);
  app.use(router.routes());
  app.use(() => {
    throw new MqttFailure(404, CODES.unknownCall, 'there is no such call; see docs/mqtt.md');
  });
  return app.callback();
}
