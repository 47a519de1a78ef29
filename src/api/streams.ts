import { parse } from '../kernel/json.js';
import { Readable } from 'node:stream';
import type { Context, Middleware } from 'koa';
import { yieldToEventLoop } from '../kernel/event-loop.js';
import { isTooDeep } from '../kernel/json-depth.js';
import { StoreUnavailable } from '../kernel/errors.js';
import { tenantDb, type TenantDb } from '../store/index.js';
import type { Actor } from './access.js';
import { admitted } from './authenticate.js';
import { judgeOf, type Judge } from './authority.js';
import type { ApiBase } from './base.js';
import { readLines, withoutMark, type TextLine } from './body.js';
import { checkCaller } from './caller-now.js';
import { BASIC, languageOf } from './codes.js';
import { envelope } from './envelope.js';
import { Failure, type FieldProblem } from './failure.js';
import { NOTHING } from './input.js';
import type { AnyCall, AnyOperation, Line } from './operation.js';
import { inspectJson, presenter, validateText } from './validation.js';

/** The caller may not go on with a stream. What was answered until then is done; nothing more is. */
export class CallerEnded extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

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
        const now = await stillAdmitted(operation, base, { db, tenant, actor });
        const done = await work(
          db,
          judgeOf(now, (owner) => base.ownOf(db, owner)),
        );
        await base.record(db, ctx.req, { operation: operation.id, actor: now, target, fields: [] });
        return done;
      });
    const lines = parsed(texts, inspect);
    const answering = (stream as NonNullable<typeof stream>)({ tenant, actor, query, lines, transaction })[
      Symbol.asyncIterator
    ]();
    // Until the first answer nothing is out, so that what fails has a status of its own.
    let next = await answering.next().catch((error: unknown) => {
      throw error instanceof CallerEnded ? error.failure : error;
    });
    async function* answers(): AsyncIterable<string> {
      try {
        for (; !next.done; next = await answering.next()) {
          await yieldToEventLoop();
          yield `${JSON.stringify(present(next.value))}\n`;
        }
      } catch (error) {
        // The answer has begun: what is left to say is that it ends here. Who asked goes on from the last line answered.
        const { code, data, message } = endOf(error, base, ctx);
        base.note(ctx.req, { outcome: code.name });
        yield `${JSON.stringify(envelope(code, languageOf(ctx.acceptsLanguages()), data, message || undefined))}\n`;
      } finally {
        await answering.return?.();
      }
    }
    ctx.type = 'application/x-ndjson';
    ctx.body = Readable.from(answers());
  };
}

/**
 * The caller of a transaction of the stream: those who have lost the token or the right by then change nothing more.
 * @throws CallerEnded
 */
async function stillAdmitted(
  operation: AnyOperation,
  base: ApiBase,
  begun: Pick<AnyCall, 'db' | 'tenant' | 'actor'>,
): Promise<Actor | undefined> {
  try {
    return await checkCaller(operation, base, begun);
  } catch (error) {
    throw error instanceof Failure ? new CallerEnded(error) : error;
  }
}

/** What the last line says of a stream that breaks off. */
function endOf(error: unknown, base: ApiBase, ctx: Context): Pick<Failure, 'code' | 'data' | 'message'> {
  if (error instanceof CallerEnded) return error.failure;
  base.unexpected(ctx.req, error);
  return new Failure(500, error instanceof StoreUnavailable ? BASIC.unavailable : BASIC.failed);
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
    return isTooDeep(text) ? undefined : parse<unknown>(withoutMark(text));
  } catch {
    return undefined;
  }
}
