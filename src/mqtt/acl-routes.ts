import type Router from '@koa/router';
import type { Context } from 'koa';
import { Invalid } from '../kernel/errors.js';
import { objectOf } from '../kernel/json.js';
import {
  deleteRules,
  insertRule,
  insertRules,
  listRules,
  pageOfRules,
  readRule,
  replaceRules,
  type Rule,
  type RuleOwner,
} from './acl.js';
import { readBody, readObject } from './bodies.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import { pageOf, paramOf, type Frame } from './frame.js';
import type { JsonText } from './json-lists.js';
import { mqttText } from './names.js';
import { KINDS } from './schema.js';

const MOST_IN_A_LIST = 10_000;

/**
 * What devices may publish and subscribe to: `/acl/username/{u}`, `/acl/clientid/{c}`, `/acl/$all` for everybody; and `POST /acl`
 * with the name in the body, as EMQX 4's clients call it, and `DELETE /acl`, for names that a path has no room for.
 */
export function aclRoutes(router: Router, frame: Frame): void {
  for (const kind of KINDS) {
    router.get(`/acl/${kind}`, frame.needs('read'), async (ctx) => {
      const { page, limit } = pageOf(ctx);
      const { rules, count } = await pageOfRules(frame.read(ctx), kind, page, limit);
      const data = rules.map(({ name, ...rule }) => ({ [kind]: name, ...rule }));
      ctx.body = { meta: { page, limit, count }, data, code: 0 };
    });
    ownerRoutes(router, frame, `/acl/${kind}/:name`, (ctx) => ({
      kind,
      name: mqttText(kind, paramOf(ctx, 'name')),
    }));
  }
  ownerRoutes(router, frame, '/acl/$all', () => ({ kind: '$all' }));
  router.post('/acl', frame.needs('write'), (ctx) => add(frame, ctx, ownerInBody));
  router.delete('/acl', frame.needs('write'), async (ctx) => {
    const body = await readObject(ctx.req);
    const owner = ownerInBody(body);
    if (owner.kind === '$all') throw new Invalid('username', 'or clientid must be given');
    const { topic } = objectOf(body);
    await takeOut(frame, ctx, owner, topic === undefined ? undefined : mqttText('topic', topic));
  });
}

const said = (owner: RuleOwner): string => (owner.kind === '$all' ? '$all' : `${owner.kind} ${owner.name}`);

/** Whose rule an entry is: of the name in it, or everybody's. @throws Invalid */
function ownerInBody(entry: unknown): RuleOwner {
  const fields = objectOf(entry);
  const kind = KINDS.find((each) => fields[each] !== undefined);
  return kind === undefined ? { kind: '$all' } : { kind, name: mqttText(kind, fields[kind]) };
}

/** The rules of one owner, in the order in which they are looked at. */
function ownerRoutes(router: Router, frame: Frame, path: string, ownerIn: (ctx: Context) => RuleOwner): void {
  const { needs, read, change } = frame;

  router.get(path, needs('read'), async (ctx) => {
    const data = await listRules(read(ctx), ownerIn(ctx));
    ctx.body = { meta: { page: 1, limit: data.length, count: data.length }, data, code: 0 };
  });

  router.post(path, needs('write'), (ctx) => {
    const owner = ownerIn(ctx);
    return add(frame, ctx, () => owner);
  });

  router.put(path, needs('write'), async (ctx) => {
    const owner = ownerIn(ctx);
    const { body, list } = await bodyOf(ctx);
    const rules = ('one' in body ? [body.one] : list).map(readRule);
    await change(ctx, 'acl.put', said(owner), (db) => replaceRules(db, owner, rules));
    ctx.body = { code: 0 };
  });

  router.delete(path, needs('write'), (ctx) => takeOut(frame, ctx, ownerIn(ctx)));
  router.delete(`${path}/topic/:topic`, needs('write'), (ctx) =>
    takeOut(frame, ctx, ownerIn(ctx), mqttText('topic', paramOf(ctx, 'topic'))),
  );
}

/** Takes out what is said of a topic filter, or all. */
async function takeOut({ change }: Frame, ctx: Context, owner: RuleOwner, topic?: string): Promise<void> {
  const target = topic === undefined ? said(owner) : `${said(owner)} ${topic}`;
  await change(ctx, 'acl.delete', target, (db) => deleteRules(db, owner, topic));
  ctx.body = { code: 0 };
}

async function bodyOf(ctx: Context): Promise<{ body: JsonText; list: unknown[] }> {
  const list: unknown[] = [];
  const body = await readBody(ctx.req, (entry) => {
    if (list.push(entry) > MOST_IN_A_LIST)
      throw new MqttFailure(413, CODES.tooLarge, `a list of rules may have ${MOST_IN_A_LIST}`);
  });
  return { body, list };
}

/** Adds one rule, or each of a list on its own: the good ones are kept, of the others it is said why not. */
async function add({ change }: Frame, ctx: Context, ownerOf: (entry: unknown) => RuleOwner): Promise<void> {
  const { body, list } = await bodyOf(ctx);
  if ('one' in body) {
    const [owner, rule] = [ownerOf(body.one), readRule(body.one)];
    await change(ctx, 'acl.post', said(owner), (db) => insertRule(db, owner, rule));
    ctx.body = { code: 0 };
    return;
  }
  const results = list.map((): string => 'existed');
  const byOwner = new Map<string, { owner: RuleOwner; rules: { rule: Rule; at: number }[] }>();
  list.forEach((entry, at) => {
    try {
      const [owner, rule] = [ownerOf(entry), readRule(entry)];
      const of = byOwner.get(said(owner)) ?? { owner, rules: [] };
      byOwner.set(said(owner), of);
      of.rules.push({ rule, at });
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      results[at] = `${error.key} ${error.message}`;
    }
  });
  await change(ctx, 'acl.batch', `${list.length} entries`, async (db) => {
    for (const { owner, rules } of byOwner.values()) {
      const written = await insertRules(
        db,
        owner,
        rules.map(({ rule }) => rule),
      );
      rules.forEach(({ at }, n) => {
        if (written[n]) results[at] = 'ok';
      });
    }
  });
  ctx.body = { data: list.map((entry, at) => ({ ...(entry as object), result: results[at] })), code: 0 };
}
