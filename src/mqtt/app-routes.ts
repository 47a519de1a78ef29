import type Router from '@koa/router';
import type { Context } from 'koa';
import { Invalid } from '../kernel/errors.js';
import { objectOf } from '../kernel/json.js';
import type { TenantDb, Vault } from '../store/index.js';
import {
  changeApp,
  DEFAULT_RIGHTS,
  deleteApp,
  findApp,
  insertApp,
  listApps,
  readRights,
  replaceAppSecret,
} from './apps.js';
import { readBody } from './bodies.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import { paramOf, type Frame } from './frame.js';
import type { MqttApp, Right } from './schema.js';

const shown = ({ appId, rights, enabled, createdAt, updatedAt }: MqttApp): Record<string, unknown> => ({
  app_id: appId,
  rights,
  enabled,
  createdAt: new Date(createdAt).toISOString(),
  updatedAt: new Date(updatedAt).toISOString(),
});

/** What a body says of an app. @throws Invalid */
function fieldsOf(value: unknown): { appId?: string; rights?: Right[]; enabled?: boolean } {
  const { app_id: appId, rights, enabled } = objectOf(value);
  if (appId !== undefined && typeof appId !== 'string') throw new Invalid('app_id', 'must be text');
  if (rights !== undefined && !(Array.isArray(rights) && rights.every((word) => typeof word === 'string')))
    throw new Invalid('rights', 'must be a list of words');
  if (enabled !== undefined && typeof enabled !== 'boolean')
    throw new Invalid('enabled', 'must be true or false');
  return {
    ...(appId !== undefined && { appId }),
    ...(rights !== undefined && { rights: readRights(rights) }),
    ...(enabled !== undefined && { enabled }),
  };
}

/**
 * The programs that may call. A secret is shown once, when it is made. No app gives a right that it has not, nor touches an app
 * that has more: it would have those rights a moment later.
 */
export function appRoutes(
  router: Router,
  frame: Frame,
  vault: Vault,
  changed: (ctx: Context) => Promise<void>,
): void {
  const { needs, read, change } = frame;
  const within = (ctx: Context, rights: readonly Right[]): void =>
    rights.forEach((right) => frame.demand(ctx, right));
  /** A change of an app that has no more rights than who changes it. */
  const changeOne = async <T>(
    ctx: Context,
    event: string,
    work: (db: TenantDb, appId: string) => Promise<T>,
  ): Promise<T> => {
    const appId = idIn(ctx);
    const permitted = async (db: TenantDb): Promise<T> => {
      within(ctx, (await findApp(db, appId)).rights);
      return work(db, appId);
    };
    const answer = await change(ctx, event, appId, permitted, { apps: true });
    await changed(ctx);
    return answer;
  };
  const one = async (ctx: Context): Promise<unknown> => {
    const body = await readBody(ctx.req);
    if ('one' in body) return body.one;
    throw new MqttFailure(400, CODES.malformed, 'the body must be an object');
  };
  const idIn = (ctx: Context): string => paramOf(ctx, 'appId');

  router.get('/apps', needs('read'), async (ctx) => {
    ctx.body = { data: (await listApps(read(ctx))).map(shown), code: 0 };
  });

  router.get('/apps/:appId', needs('read'), async (ctx) => {
    ctx.body = { data: shown(await findApp(read(ctx), idIn(ctx))), code: 0 };
  });

  router.post('/apps', needs('write'), async (ctx) => {
    const { appId, rights = DEFAULT_RIGHTS, ...fields } = fieldsOf(await one(ctx));
    if (appId === undefined) throw new Invalid('app_id', 'is missing');
    within(ctx, rights);
    const made = async (db: TenantDb) => {
      const secret = await insertApp(db, vault, { appId, rights, ...fields });
      return { ...shown(await findApp(db, appId)), app_secret: secret };
    };
    const data = await change(ctx, 'app.post', appId, made, { apps: true });
    ctx.body = { data, code: 0 };
  });

  router.put('/apps/:appId', needs('write'), async (ctx) => {
    const { rights, enabled } = fieldsOf(await one(ctx));
    within(ctx, rights ?? []);
    const fields = { ...(rights && { rights }), ...(enabled !== undefined && { enabled }) };
    await changeOne(ctx, 'app.put', (db, appId) => changeApp(db, appId, fields));
    ctx.body = { code: 0 };
  });

  router.post('/apps/:appId/secret', needs('write'), async (ctx) => {
    const secret = await changeOne(ctx, 'app.secret', (db, appId) => replaceAppSecret(db, vault, appId));
    ctx.body = { data: { app_id: idIn(ctx), app_secret: secret }, code: 0 };
  });

  router.delete('/apps/:appId', needs('write'), async (ctx) => {
    await changeOne(ctx, 'app.delete', deleteApp);
    ctx.body = { code: 0 };
  });
}
