import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { TestServer } from './server.js';
import { PASSWORD } from './server.js';
import { send, type Heard, type Said } from './http.js';

/** A page as a visitor without JavaScript has it. */
export interface Page {
  url: URL;
  status: number;
  headers: Headers;
  html: string;
}

interface Cookie {
  name: string;
  value: string;
  path: string;
}

/** Follows links and sends forms with a cookie jar, as a browser without scripts does: for tests that need no pixels. */
export class Visitor {
  /** By name and path, as browsers keep them. */
  readonly #jar = new Map<string, Cookie>();
  /** Every `Set-Cookie` line that came. */
  readonly setCookies: string[] = [];

  /** @param port where the server really listens; the origin's where it says nothing. */
  constructor(
    readonly origin: string,
    readonly port = new URL(origin).port,
  ) {}

  cookies(): string[] {
    return [...new Set([...this.#jar.values()].map(({ name }) => name))];
  }

  /** The value of a cookie; of the latest one where there are several of the name. */
  cookie(name: string): string | undefined {
    return [...this.#jar.values()].findLast((cookie) => cookie.name === name)?.value;
  }

  /** Puts cookies into the jar that another visitor has, as somebody does who can plant cookies. */
  plant(from: Visitor, names: (name: string) => boolean = () => true): void {
    for (const [key, cookie] of from.#jar) if (names(cookie.name)) this.#jar.set(key, cookie);
  }

  forget(): void {
    this.#jar.clear();
  }

  #cookieHeader(url: URL): string {
    return [...this.#jar]
      .filter(
        ([, { path }]) =>
          url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
      )
      .map(([, { name, value }]) => `${name}=${value}`)
      .join('; ');
  }

  async request(url: URL, said: Said = {}): Promise<Heard> {
    const cookie = this.#cookieHeader(url);
    const heard = await send(new URL(url.pathname + url.search, `http://${url.hostname}:${this.port}`), {
      ...said,
      headers: { host: url.host, accept: 'text/html', ...(cookie && { cookie }), ...said.headers },
    });
    for (const line of heard.headers.getSetCookie()) {
      this.setCookies.push(line);
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      this.#jar.delete(`${name} ${path}`);
      if (value !== '') this.#jar.set(`${name} ${path}`, { name, value, path });
    }
    return heard;
  }

  /** Follows redirects for as long as they stay at the server; the last address may be elsewhere. */
  async go(to: string | URL, said?: Said): Promise<Page> {
    let url = new URL(to, this.origin);
    let heard = await this.request(url, said);
    while (heard.headers.has('location')) {
      url = new URL(heard.headers.get('location') as string, url);
      if (url.origin !== this.origin) break;
      heard = await this.request(url);
    }
    return { url, status: heard.status, headers: heard.headers, html: heard.text };
  }

  /** Sends the page's form whose action contains `action`, with its hidden fields and these. */
  submit(page: Page, action: string, fields: Record<string, string> = {}): Promise<Page> {
    const forms = [...page.html.matchAll(/<form method="post" action="([^"]*)">([\s\S]*?)<\/form>/g)];
    const form = forms.find(([, target]) => target?.includes(action));
    assert.ok(form, `no form "${action}" on ${page.url.pathname}: ${page.html.slice(0, 400)}`);
    const hidden = [...(form[2] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
    const inputs = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
    return this.go(new URL((form[1] ?? '').replaceAll('&amp;', '&'), page.url), {
      form: new URLSearchParams({ ...inputs, ...fields }),
    });
  }
}

export const pkce = (): { verifier: string; challenge: string } => {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
};

/** An authorization request with code and PKCE, as a path; `more` replaces or adds parameters. */
export function authorizePath(more: Record<string, string>): string {
  const query = new URLSearchParams({
    response_type: 'code',
    scope: 'openid',
    state: 'state-of-the-test',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    ...more,
  });
  return `/connect/authorize?${query.toString()}`;
}

export interface AuthorizeOptions {
  clientId: string;
  redirectUri: string;
  scope?: string;
  user?: string;
  password?: string;
  more?: Record<string, string>;
  visitor?: Visitor;
}

/** Signs in and consents; answers the code and the verifier that belongs to it. */
export async function obtainCode(
  { issuer }: Pick<TestServer, 'issuer'>,
  {
    clientId,
    redirectUri,
    scope = 'openid',
    user = 'alice',
    password = PASSWORD,
    more = {},
    visitor = new Visitor(issuer),
  }: AuthorizeOptions,
): Promise<{ code: string; verifier: string; answer: URL; visitor: Visitor }> {
  const { verifier, challenge } = pkce();
  const request = {
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    code_challenge: challenge,
    ...more,
  };
  let page = await visitor.go(authorizePath(request));
  if (page.html.includes('/sign-in?'))
    page = await visitor.submit(page, '/sign-in', { login: user, password });
  if (page.html.includes('/consent?')) page = await visitor.submit(page, '/consent');
  const code = page.url.searchParams.get('code');
  assert.ok(code, `no code at ${page.url.href}: ${page.html.slice(0, 600)}`);
  return { code, verifier, answer: page.url, visitor };
}

/** The token request that redeems what `obtainCode` got for a public client. */
export const redeemForm = (
  { clientId, redirectUri }: Pick<AuthorizeOptions, 'clientId' | 'redirectUri'>,
  { code, verifier }: { code: string; verifier: string },
): Record<string, string> => ({
  grant_type: 'authorization_code',
  client_id: clientId,
  code,
  code_verifier: verifier,
  redirect_uri: redirectUri,
});
