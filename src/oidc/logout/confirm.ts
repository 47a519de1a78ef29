import { Readable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { factsOf, setFacts } from '../../kernel/request.js';
import { ROUTES } from '../routes.js';

export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What the library keeps in the session between asking the person and the person's answer. */
interface SignOutState {
  secret?: string;
  postLogoutRedirectUri?: string;
}

/**
 * Whether an ID token is of this very session, and not merely of this user: it stays valid as a hint for good, so one that
 * leaked must not sign anybody out (OIDC RP-Initiated Logout 1.0, 4).
 */
function isHintOfSession({ oidc }: KoaContextWithOIDC): boolean {
  const { session, client, entities } = oidc;
  const hint = (entities as { IdTokenHint?: { payload: { sub?: string; sid?: string } } }).IdTokenHint
    ?.payload;
  return (
    hint?.sid !== undefined &&
    client !== undefined &&
    hint.sub === session?.accountId &&
    hint.sid === session?.sidFor(client.clientId)
  );
}

/**
 * Where nobody has to be asked, the library shows a form all the same, or one that a script sends: when the hint proves that
 * the application means this session, when nobody is signed in, and when somebody else has just signed in here.
 */
function needsNoAnswer(ctx: KoaContextWithOIDC): string | undefined {
  // Where no route fits there is no context of the library's.
  const { route, session } = (ctx.oidc ?? {}) as Partial<typeof ctx.oidc>;
  const { secret, postLogoutRedirectUri } = (session?.state ?? {}) as SignOutState;
  if (ctx.status !== 200 || secret === undefined) return undefined;
  const switching = route === 'resume' && postLogoutRedirectUri !== undefined;
  const free = route === 'end_session' && (session?.accountId === undefined || isHintOfSession(ctx));
  return switching || free ? secret : undefined;
}

/** Gives the answer in the person's place, where there is nothing to ask: the same request that the form would send. */
export async function confirmByItself(ctx: KoaContextWithOIDC, handle: Handle): Promise<void> {
  const secret = needsNoAnswer(ctx);
  if (secret === undefined) return;
  ctx.respond = false;
  for (const name of ['Content-Type', 'Content-Length', 'Content-Security-Policy'])
    ctx.res.removeHeader(name);
  const cookie = cookiesAfter(ctx);
  const form = { xsrf: secret, logout: 'yes' };
  await handle(formPost(ctx.req, `${ROUTES.end_session}/confirm`, form, cookie), ctx.res);
}

/** The cookies as the browser will have them when it has this answer: what it sent, and what it is given. */
function cookiesAfter({ req, res }: KoaContextWithOIDC): string {
  const jar = new Map<string, string>();
  const put = (pair: string): void => {
    const at = pair.indexOf('=');
    if (at > 0) jar.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  };
  for (const pair of (req.headers.cookie ?? '').split(';')) put(pair);
  for (const line of [res.getHeader('set-cookie') ?? []].flat()) put(String(line).split(';', 1)[0] ?? '');
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}

/** A request of the same browser that sends a form; it never crosses the network. */
function formPost(
  from: IncomingMessage,
  path: string,
  form: Record<string, string>,
  cookie: string,
): IncomingMessage {
  const body = Buffer.from(new URLSearchParams(form).toString());
  const request = Object.assign(Readable.from([body]), {
    method: 'POST',
    url: path,
    headers: {
      ...from.headers,
      cookie,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    },
    socket: from.socket,
    httpVersion: from.httpVersion,
  }) as unknown as IncomingMessage;
  setFacts(request, factsOf(from));
  return request;
}
