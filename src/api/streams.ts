import { Readable } from 'node:stream';
import type { Middleware } from 'koa';
import { yieldToEventLoop } from '../kernel/event-loop.js';
import { isTooDeep } from '../kernel/json-depth.js';
import { StoreUnavailable } from '../kernel/errors.js';
import { tenantDb, type TenantDb } from '../store/index.js';
import { admitted } from './authenticate.js';
import { judgeOf, type Judge } from './authority.js';
import type { ApiBase } from './base.js';
import { readLines, withoutMark, type TextLine } from './body.js';
import { BASIC, languageOf } from './codes.js';
import { envelope } from './envelope.js';
import type { FieldProblem } from './failure.js';
import { NOTHING } from './input.js';
import type { AnyOperation, Line } from './operation.js';
import { inspectJson, presenter, validateText } from './validation.js';

/** The way of an operation that answers line by line, while lines still come. */
export function performStream(operation: AnyOperation, base: ApiBase): Middleware {
  const { stream, schemas } = operation;
  const present = presenter(schemas.answer);
  const checkQuery = validateText(schemas.query ?? NOTHING);
  const inspect = inspectJson(schemas.body ?? NOTHING);
  return async (ctx) => {
    const { tenant, actor } = await admitted(operation, base, ctx);
    const query = { ...ctx.query };
    checkQuery(query);
    const texts = readLines(ctx.req);
    const transaction = <T>(target: string, work: (db: TenantDb, judge: Judge) => Promise<T>): Promise<T> =>
      base.store.transaction(async (trx) => {
        const db = tenantDb(trx, tenant.id);
        const done = await work(
          db,
          judgeOf(actor, (owner) => base.ownApis(db, owner)),
        );
        await base.record(db, ctx.req, { operation: operation.id, actor, target, fields: [] });
        return done;
      });
    async function* answers(): AsyncIterable<string> {
      try {
        const lines = parsed(texts, inspect);
        for await (const answer of stream?.({ tenant, actor, query, lines, transaction }) ?? []) {
          await yieldToEventLoop();
          yield `${JSON.stringify(present(answer))}\n`;
        }
      } catch (error) {
        // The answer has begun: what is left to say is that it ends here. Who asked goes on from the last line answered.
        base.unexpected(ctx.req, error);
        const code = error instanceof StoreUnavailable ? BASIC.unavailable : BASIC.failed;
        yield `${JSON.stringify(envelope(code, languageOf(ctx.acceptsLanguages()), null))}\n`;
      }
    }
    ctx.type = 'application/x-ndjson';
    ctx.body = Readable.from(answers());
  };
}

async function* parsed(
  texts: AsyncIterable<TextLine>,
  inspect: (value: unknown) => FieldProblem[],
): AsyncIterable<Line<unknown>> {
  for await (const { number, text } of texts) {
    await yieldToEventLoop();
    if (text === undefined) {
      yield { number, problem: { field: '', rule: 'maxLength', message: 'the line is longer than 64 KiB' } };
      continue;
    }
    const value = parseJson(text);
    const [problem] =
      value === undefined ? [{ field: '', rule: 'json', message: 'the line is not JSON' }] : inspect(value);
    yield problem ? { number, problem } : { number, value };
  }
}

function parseJson(text: string): unknown {
  try {
    return isTooDeep(text) ? undefined : (JSON.parse(withoutMark(text)) as unknown);
  } catch {
    return undefined;
  }
}
