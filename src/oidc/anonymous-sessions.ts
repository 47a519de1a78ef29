import { parse } from '../kernel/json.js';
import { Provider, type KoaContextWithOIDC, type Session } from './library/index.js';

/** What a page needs back together with its form, as the library keeps it in the session. */
type PageState = Record<string, unknown>;

interface LibrarySession extends Session {
  state?: PageState | undefined;
}

interface SessionClass {
  prototype: LibrarySession & { save(ttl: number): Promise<string> };
  find(id: string): Promise<LibrarySession | undefined>;
  get(ctx: KoaContextWithOIDC): Promise<LibrarySession>;
}

type Cookies = KoaContextWithOIDC['cookies'];

/** As long as an unanswered page may lie open. */
const LIVES_MS = 3_600_000;
/** Begins a cookie that holds a page's state in place of a session's id, in which it does not occur. */
const MARK = '~';
/** Without this the cookie would be read whatever its signature. */
const SIGNED = { signed: true };

/**
 * Keeps sessions in which nobody is signed in out of the store. The library writes a row for each page that it shows a
 * visitor (the device page, the end of a session), and nothing but the page's form needs it. Here the session's cookie,
 * which is signed with the tenant's cookie keys, holds the state itself, so a page that somebody only looks at stores
 * nothing.
 */
export function keepAnonymousSessionsOut(provider: Provider): void {
  const Sessions = provider.Session as unknown as SessionClass;
  const name = (provider as unknown as { cookieName(type: string): string }).cookieName('session');
  const secure = name.startsWith('__Host-');
  const cookiesOf = ({ oidc, req, res }: KoaContextWithOIDC): Cookies =>
    ((oidc as typeof oidc | undefined)?.cookies as Cookies | undefined) ??
    provider.createContext(req, res).cookies;

  const { find, get } = Sessions;
  Sessions.find = async function findKept(id) {
    return id.startsWith(MARK) ? undefined : find.call(this, id);
  };
  Sessions.get = async function withState(ctx) {
    const session = await get.call(this, ctx);
    const state = session.accountId === undefined ? stateIn(cookiesOf(ctx).get(name, SIGNED)) : undefined;
    if (state) session.state ??= state;
    return session;
  };

  const { save } = Sessions.prototype;
  Sessions.prototype.save = async function saveSignedIn(ttl) {
    const ctx = Provider.ctx;
    if (this.accountId !== undefined || !ctx) return save.call(this, ttl);
    dropCookie(ctx, name); // the library has set it by now, to an id that no row has
    const cookies = cookiesOf(ctx);
    const wasKept = cookies.get(name, SIGNED)?.startsWith(MARK);
    if (this.state || wasKept)
      cookies.set(name, this.state ? packed(this.state) : null, {
        httpOnly: true,
        sameSite: 'lax',
        overwrite: true,
        secure,
      });
    return this.jti;
  };
}

const packed = (state: PageState): string =>
  MARK + Buffer.from(JSON.stringify({ state, until: Date.now() + LIVES_MS })).toString('base64url');

/** The state in a cookie whose signature is right. */
function stateIn(cookie: string | undefined): PageState | undefined {
  if (!cookie?.startsWith(MARK)) return undefined;
  const text = Buffer.from(cookie.slice(MARK.length), 'base64url').toString();
  const { state, until } = parse<{ state: PageState; until: number }>(text);
  return until > Date.now() ? state : undefined;
}

function dropCookie({ res }: KoaContextWithOIDC, name: string): void {
  const lines = [res.getHeader('set-cookie') ?? []].flat().map(String);
  const others = lines.filter((line) => !line.startsWith(`${name}=`) && !line.startsWith(`${name}.sig=`));
  if (others.length === 0) res.removeHeader('set-cookie');
  else res.setHeader('set-cookie', others);
}
