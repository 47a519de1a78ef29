import { Readable } from 'node:stream';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { objectOf } from '../kernel/json.js';
import { readObject, receiveBody } from './bodies.js';
import type { DeviceLists } from './bulk.js';
import {
  changeCredential,
  deleteCredential,
  findCredential,
  insertCredential,
  insertCredentials,
  listNames,
  type Listed,
} from './credentials.js';
import { readChange, readEntry } from './entries.js';
import { pageOf, paramOf, type Frame } from './frame.js';
import type { NameSearch } from './name-search.js';
import { mqttText } from './names.js';
import type { DevicePasswords } from './passwords.js';
import { KINDS, type Kind } from './schema.js';

export interface TablesBase {
  passwords: DevicePasswords;
  lists: DeviceLists;
  search: NameSearch;
}

/** The tables of devices' credentials: `/auth_username` and `/auth_clientid`, as EMQX 4's clients call them. */
export function credentialRoutes(router: Router, frame: Frame, base: TablesBase): void {
  for (const kind of KINDS) tableRoutes(router, frame, base, kind);
}

function tableRoutes(
  router: Router,
  frame: Frame,
  { passwords, lists, search }: TablesBase,
  kind: Kind,
): void {
  const { needs, read, change } = frame;
  const path = `/auth_${kind}`;
  /** The name in the path; where a path has no room for it, in the body. */
  const nameIn = (ctx: Context, body?: unknown): string =>
    mqttText(kind, paramOf(ctx, 'name') || objectOf(body)[kind]);

  router.get(path, needs('read'), async (ctx) => {
    const { page, limit } = pageOf(ctx);
    const part = ctx.query[`_like_${kind}`];
    const db = read(ctx);
    const { names, count, more }: Listed =
      part === undefined
        ? await listNames(db, kind, page, limit)
        : await search.find(db.tenantId, kind, mqttText(`_like_${kind}`, part), page, limit);
    const meta = { page, limit, count, ...(more && { more }) };
    ctx.body = { meta, data: names.map((name) => ({ [kind]: name })), code: 0 };
  });

  router.get(`${path}/:name`, needs('read'), async (ctx) => {
    const withHash = ctx.query['withHash'] === 'true';
    if (withHash) frame.demand(ctx, 'mqtt.hash.read');
    const { name, passwordHash, superuser, enabled, expiresAt } = await findCredential(
      read(ctx),
      kind,
      nameIn(ctx),
    );
    const data = {
      [kind]: name,
      ...(withHash && { password: passwordHash }),
      ...(superuser && { superuser }),
      ...(!enabled && { enabled }),
      ...(expiresAt !== null && { expiresAt: new Date(expiresAt).toISOString() }),
    };
    ctx.body = { data, code: 0 };
  });

  router.post(path, needs('write'), async (ctx) => {
    const body = await receiveBody(ctx.req);
    if ('list' in body) {
      const list = await lists.take(kind, body.list);
      const notWritten = await change(
        ctx,
        `auth_${kind}.batch`,
        () => `${list.count} entries`,
        (db) => insertCredentials(db, kind, list.pieces()),
        { large: true },
      );
      ctx.type = 'json';
      ctx.body = Readable.from(list.answer(notWritten), { objectMode: false });
      return;
    }
    const { password, ...entry } = readEntry(kind, body.one);
    const device = { ...entry, ...(await passwords.keep(password)) };
    await change(ctx, `auth_${kind}.post`, entry.name, (db) => insertCredential(db, kind, device));
    ctx.body = { code: 0 };
  });

  router.put([path, `${path}/:name`], needs('write'), async (ctx) => {
    const body = await readObject(ctx.req);
    const { password, ...flags } = readChange(body);
    const name = nameIn(ctx, body);
    const kept = password === undefined ? undefined : await passwords.keep(password);
    await change(ctx, `auth_${kind}.put`, name, (db) => changeCredential(db, kind, name, { ...flags, kept }));
    ctx.body = { code: 0 };
  });

  router.delete([path, `${path}/:name`], needs('write'), async (ctx) => {
    const name = nameIn(ctx, paramOf(ctx, 'name') === '' ? await readObject(ctx.req) : undefined);
    await change(ctx, `auth_${kind}.delete`, name, (db) => deleteCredential(db, kind, name));
    ctx.body = { code: 0 };
  });
}
