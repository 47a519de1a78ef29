import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { NotFound } from '../kernel/errors.js';
import { whenClosed } from '../kernel/when-closed.js';
import type { Actor } from './access.js';
import type { ApiBase } from './base.js';
import { callOn, type Input } from './call-on.js';
import { checkCaller, noToken } from './caller-now.js';
import { Failure } from './failure.js';
import type { AnyCall, AnyOperation, Following, ThingEvent } from './operation.js';
import { presenter } from './validation.js';

const EVENTS = 'text/event-stream';

/** Whether the caller would rather have events than one answer. HEAD has no body that could follow anything. */
export const asksForEvents = (ctx: Context): boolean =>
  ctx.method === 'GET' && ctx.accepts('json', EVENTS) === EVENTS;

/** A comment, which readers leave out (HTML, 9.2.5): it keeps the connection open. */
const KEEP_ALIVE = ': keep-alive\n\n';

const textOf = ({ event, id, data }: ThingEvent<unknown>): string =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * Answers with a stream of events (HTML, 9.2): what the thing is now, unless the caller has that already, then each change, and
 * at last its end. The caller's token and rights are read again before each event, and before each comment that keeps the
 * connection open: callers who have lost them lose the stream.
 */
export async function answerEvents(
  operation: AnyOperation,
  following: Following<AnyCall, unknown>,
  base: ApiBase,
  ctx: Context,
  input: Input,
): Promise<void> {
  const closed = new AbortController();
  whenClosed(ctx.res, () => closed.abort());
  const present = presenter(operation.schemas.answer);
  const admit = async (): Promise<AnyCall> => {
    const call = callOn(base.store.knex, operation, input);
    checkTime(input);
    return { ...call, actor: await checkCaller(operation, base, call) };
  };
  const read = async (): Promise<ThingEvent<unknown>> => {
    const event = await following.read(await admit());
    return { ...event, data: present(event.data) };
  };
  // Until here what fails has a status of its own.
  const first = await read();
  const changes = following.changes(input, closed.signal);

  async function* events(): AsyncGenerator<string> {
    let sent = ctx.get('Last-Event-ID');
    if (sent !== first.id || first.last) yield textOf(first);
    sent = first.id;
    if (first.last) return;
    for await (const changed of changes) {
      const event = changed ? await read() : await admit().then(() => undefined);
      if (!event) yield KEEP_ALIVE;
      else if (event.id !== sent) yield textOf(event);
      sent = event?.id ?? sent;
      if (event?.last) return;
    }
  }

  ctx.status = 200;
  ctx.set({ 'Content-Type': EVENTS, 'X-Accel-Buffering': 'no' });
  ctx.flushHeaders();
  ctx.body = Readable.from(
    untilRefused(events(), base, ctx, () => closed.abort()),
    { highWaterMark: 1 },
  );
}

/** Ends the stream where the caller may not read on, or where reading fails: the status is out, and callers come again. */
async function* untilRefused(
  events: AsyncIterable<string>,
  base: ApiBase,
  ctx: Context,
  leave: () => void,
): AsyncGenerator<string> {
  try {
    yield* events;
  } catch (error) {
    const isRefusal = error instanceof Failure || error instanceof NotFound;
    if (isRefusal) base.note(ctx.req, { outcome: error instanceof Failure ? error.code.name : 'NotFound' });
    else base.unexpected(ctx.req, error);
  } finally {
    leave();
  }
}

/** @throws Failure: 401 for a token that has expired since the call began */
function checkTime({ actor, tenant }: { actor: Actor | undefined; tenant: { issuer: string } }): void {
  const { expiresAt } = actor?.token ?? {};
  if (expiresAt !== undefined && expiresAt * 1000 <= Date.now())
    throw noToken(tenant.issuer, 'the access token has expired');
}
