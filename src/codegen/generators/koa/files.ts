/** Files of the stub that are the same for every document. */

export const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2022",
    "module": "NodeNext",
    "moduleResolution": "NodeNext",
    "types": ["node"],
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "skipLibCheck": true,
    "rootDir": "src",
    "outDir": "dist"
  },
  "include": ["src"]
}
`;

export const HANDLER = `import type { Context } from 'koa';

/** A call of an operation. */
export interface Call<Parameter extends string = never> {
  /** The parameters of the path, decoded. */
  params: Record<Parameter, string>;
  query: URLSearchParams;
  /** The body, where it is JSON. */
  body: unknown;
  /** Koa's context, for everything else. */
  ctx: Context;
}

/** What an operation answers. */
export interface Answer {
  status: number;
  /** The media type of the body. */
  type?: string;
  body?: string;
}

export type Handler<Parameter extends string = never> = (call: Call<Parameter>) => Promise<Answer>;

/** An answer in JSON. */
export const json = (status: number, value: unknown, type = 'application/json'): Answer => ({
  status,
  type,
  body: JSON.stringify(value),
});

/** The answer of an operation that is not written yet. */
export const notImplemented = (): Answer => json(501, { message: 'This operation is not implemented.' });
`;

export const SERVER = `import type { IncomingMessage } from 'node:http';
import Koa, { type Context } from 'koa';
import { router } from './routes.js';

const MOST_BODY_BYTES = 1024 * 1024;
const MOST_STOP_MILLISECONDS = 10_000;
const host = process.env['HOST'] || '127.0.0.1';
const port = Number(process.env['PORT'] || 3000);

const app = new Koa();
app.use(async (ctx, next) => {
  ctx.state['body'] = await bodyOf(ctx);
  await next();
});
app.use(router.routes());
app.use(router.allowedMethods());

const server = app.listen(port, host, () => {
  const address = server.address();
  const open = address !== null && typeof address === 'object' ? address.port : port;
  console.log(\`listening on http://\${host.includes(':') ? \`[\${host}]\` : host}:\${open}\`);
});

/** Takes no new calls, and answers those that are under way. */
function stop(): void {
  server.close();
  // A connection that is kept for the next call ends with the answer that it waits for.
  server.keepAliveTimeout = 1;
  setTimeout(() => server.closeAllConnections(), MOST_STOP_MILLISECONDS).unref();
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

/** The body of a request, where it is JSON. */
async function bodyOf(ctx: Context): Promise<unknown> {
  if (!ctx.is('json', '+json')) return undefined;
  const text = await textOf(ctx.req, () => ctx.throw(413));
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return ctx.throw(400, 'the body is not JSON');
  }
}

async function textOf(request: IncomingMessage, tooLarge: () => never): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
`;

/** The beginning of routes.ts. */
export const ROUTES = `import Router from '@koa/router';
import type { Context } from 'koa';
import type { Handler } from './handler.js';
`;

/** The end of routes.ts. */
export const ROUTING = `
/** Routes a path, which comes percent-encoded: \`%2F\` stays within its parameter. */
function route<Parameter extends string>(
  method: string,
  path: RegExp,
  names: readonly Parameter[],
  handler: Handler<Parameter>,
): void {
  const answer = async (ctx: Context): Promise<void> => {
    const params = {} as Record<Parameter, string>;
    const captures = path.exec(ctx.path) ?? [];
    names.forEach((name, index) => (params[name] = decoded(ctx, captures[index + 1] ?? '')));
    const query = new URLSearchParams(ctx.querystring);
    const body: unknown = ctx.state['body'];
    const { status, type, body: text = null } = await handler({ params, query, body, ctx });
    ctx.body = text;
    ctx.status = status;
    if (type !== undefined) ctx.set('Content-Type', type);
  };
  router.register(path, [method], answer, { pathAsRegExp: true });
}

function decoded(ctx: Context, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return ctx.throw(400, 'the path is not percent-encoded text');
  }
}
`;
