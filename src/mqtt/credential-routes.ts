import type Router from '@koa/router';
import type { Context } from 'koa';
import { Invalid } from '../kernel/errors.js';
import { readBody } from './bodies.js';
import {
  changeCredential,
  deleteCredential,
  findCredential,
  insertCredential,
  insertCredentials,
  listNames,
  type KeptDevice,
} from './credentials.js';
import { readChange, readEntry, type Entry } from './entries.js';
import { pageOf, paramOf, type Frame } from './frame.js';
import { mqttText } from './names.js';
import { SLOW_AT_ONCE, type DevicePasswords } from './passwords.js';
import { KINDS, type Kind } from './schema.js';

/** The tables of devices' credentials: `/auth_username` and `/auth_clientid`, as EMQX 4's clients call them. */
export function credentialRoutes(router: Router, frame: Frame, passwords: DevicePasswords): void {
  for (const kind of KINDS) tableRoutes(router, frame, passwords, kind);
}

function tableRoutes(router: Router, frame: Frame, passwords: DevicePasswords, kind: Kind): void {
  const { needs, read, change } = frame;
  const path = `/auth_${kind}`;
  const nameIn = (ctx: Context): string => mqttText(kind, paramOf(ctx, 'name'));

  router.get(path, needs('read'), async (ctx) => {
    const { page, limit } = pageOf(ctx);
    const { names, count } = await listNames(read(ctx), kind, page, limit);
    ctx.body = { meta: { page, limit, count }, data: names.map((name) => ({ [kind]: name })), code: 0 };
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
    const many = manyOf(kind, passwords);
    const body = await readBody(ctx.req, many.add);
    if ('list' in body) {
      const devices = await many.kept();
      const written = await change(ctx, `auth_${kind}.batch`, `${devices.length} entries`, (db) =>
        insertCredentials(db, kind, devices),
      );
      ctx.type = 'json';
      ctx.body = many.answer(written);
      return;
    }
    const { password, ...entry } = readEntry(kind, body.one);
    const device = { ...entry, ...(await passwords.keep(password)) };
    await change(ctx, `auth_${kind}.post`, entry.name, (db) => insertCredential(db, kind, device));
    ctx.body = { code: 0 };
  });

  router.put(`${path}/:name`, needs('write'), async (ctx) => {
    const body = await readBody(ctx.req, () => undefined);
    const { password, ...flags } = readChange('one' in body ? body.one : undefined);
    const name = nameIn(ctx);
    const kept = password === undefined ? undefined : await passwords.keep(password);
    await change(ctx, `auth_${kind}.put`, name, (db) => changeCredential(db, kind, name, { ...flags, kept }));
    ctx.body = { code: 0 };
  });

  router.delete(`${path}/:name`, needs('write'), async (ctx) => {
    const name = nameIn(ctx);
    await change(ctx, `auth_${kind}.delete`, name, (db) => deleteCredential(db, kind, name));
    ctx.body = { code: 0 };
  });
}

/** The entries of a list, as they come: quick hashes are made while the rest is on its way, slow ones after it, a few at a time. */
function manyOf(kind: Kind, passwords: DevicePasswords) {
  const devices: KeptDevice[] = [];
  const waiting: Entry[] = [];
  const refused = new Map<string, string>();

  const refuse = (name: string, error: unknown): void => {
    if (!(error instanceof Invalid)) throw error;
    if (!refused.has(name)) refused.set(name, `${error.key} ${error.message}`);
  };

  return {
    add(value: unknown): void {
      try {
        const entry = readEntry(kind, value);
        const { password, ...device } = entry;
        const kept = passwords.keepQuickly(password);
        if (kept) devices.push({ ...device, ...kept });
        else waiting.push(entry);
      } catch (error) {
        const name = (value as Record<string, unknown> | null | undefined)?.[kind];
        refuse(typeof name === 'string' ? name : '', error);
      }
    },
    async kept(): Promise<KeptDevice[]> {
      await eachAtOnce(waiting, SLOW_AT_ONCE, async ({ password, ...device }) => {
        try {
          devices.push({ ...device, ...(await passwords.keep(password)) });
        } catch (error) {
          refuse(device.name, error);
        }
      });
      return devices;
    },
    /** `{"data": {"<name>": "ok" | "<why not>"}, "code": 0}`, put together as text: it may have a hundred thousand names. */
    answer(written: ReadonlySet<string>): string {
      const answers = new Map(refused);
      for (const { name } of devices) answers.set(name, written.has(name) ? 'ok' : 'existed');
      const data = Array.from(answers, ([name, word]) => `${JSON.stringify(name)}:${JSON.stringify(word)}`);
      return `{"data":{${data.join(',')}},"code":0}`;
    },
  };
}

/** Works on the items in their order, so many at once. */
async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
