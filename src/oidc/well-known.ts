import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../config.js';
import type { Catalogue } from './catalogue.js';
import { ROUTES } from './routes.js';

const LONGEST_AGE_SECONDS = 300;

/** Paths of discovery and keys → the path that the library knows the document by. */
const DOCUMENTS = new Map([
  ['/.well-known/openid-configuration', '/.well-known/openid-configuration'],
  ['/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server'],
  [ROUTES.jwks, ROUTES.jwks],
  ['/.well-known/jwks.json', ROUTES.jwks],
]);

/**
 * JSON with nothing but ASCII in it: text of which Node sends head and body in one piece, and of which characters are bytes.
 */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Seconds that clients may keep a document: well below the time that a key is published before it signs. */
export const documentMaxAge = ({ keys }: Pick<Config, 'keys'>): number =>
  Math.min(LONGEST_AGE_SECONDS, Math.floor(keys.publishSeconds / 2));

/** The library's path for a published document; undefined for any other path. */
export const documentPath = (path: string): string | undefined => DOCUMENTS.get(path);

/**
 * Discovery and JWKS as bytes. They change only with the tenant, so the library writes each once, and from then on it
 * is sent as it is, with an ETag.
 */
export class PublishedDocuments {
  /** The headers are names and values in turn, which Node writes as they are. */
  readonly #bytes = new Map<string, { body: string; etag: string; headers: string[] }>();

  constructor(
    readonly catalogue: Catalogue,
    readonly maxAge: number,
  ) {}

  /**
   * Answers from the bytes, if the document has been written before.
   * @param more headers that every answer has, names and values in turn; the response has none of its own yet.
   */
  serve(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    path: string,
    more: readonly string[],
  ): boolean {
    const document = this.#bytes.get(path);
    if (!document || (method !== 'GET' && method !== 'HEAD')) return false;
    const known = headers['if-none-match']?.includes(document.etag);
    response.writeHead(known ? 304 : 200, [...document.headers, ...more]);
    response.end(known || method === 'HEAD' ? undefined : document.body, 'latin1');
    return true;
  }

  /** Keeps what the library wrote, with the APIs' scopes among those supported. */
  keep(ctx: KoaContextWithOIDC): void {
    if (ctx.status !== 200 || ctx.method !== 'GET') return;
    const document = ctx.body as Record<string, unknown>;
    if (Array.isArray(document['scopes_supported'])) {
      document['scopes_supported'] = this.#scopesSupported();
      document['registration_endpoint'] = `${String(document['issuer'])}${ROUTES.registration}`;
    }
    const body = asciiJson(document);
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const headers = {
      ETag: etag,
      'Cache-Control': `public, max-age=${this.maxAge}`,
      'Access-Control-Allow-Origin': '*',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(body.length),
    };
    this.#bytes.set(ctx.path, { body, etag, headers: Object.entries(headers).flat() });
    ctx.set(headers);
    ctx.body = body;
    ctx.type = headers['Content-Type'];
  }

  #scopesSupported(): string[] {
    const { identity, apis } = this.catalogue;
    return [...identity.values(), ...apis.flatMap(({ scopes }) => scopes)]
      .filter(({ showInDiscovery }) => showInDiscovery)
      .map(({ name }) => name);
  }
}
