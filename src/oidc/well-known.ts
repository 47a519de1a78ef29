import { createHash } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Context } from 'koa';
import type { Catalogue } from './catalogue.js';
import { ROUTES } from './routes.js';

const MAX_AGE_SECONDS = 300;

/** Paths of discovery and keys → the path that the library knows the document by. */
const DOCUMENTS = new Map([
  ['/.well-known/openid-configuration', '/.well-known/openid-configuration'],
  ['/.well-known/oauth-authorization-server', '/.well-known/oauth-authorization-server'],
  [ROUTES.jwks, ROUTES.jwks],
  ['/.well-known/jwks.json', ROUTES.jwks],
]);

/** The library's path for a published document; undefined for any other path. */
export const documentPath = (path: string): string | undefined => DOCUMENTS.get(path);

/**
 * Discovery and JWKS as bytes. They change only with the tenant, so the library writes each once, and from then on it
 * is sent as it is, with an ETag.
 */
export class PublishedDocuments {
  readonly #bytes = new Map<string, { body: Buffer; etag: string; type: string }>();

  constructor(readonly catalogue: Catalogue) {}

  /** Answers from the bytes, if the document has been written before. */
  serve(ctx: Context, path: string): boolean {
    const document = this.#bytes.get(path);
    if (!document) return false;
    ctx.set({
      ETag: document.etag,
      'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}`,
      'Access-Control-Allow-Origin': '*',
      'Content-Type': document.type,
    });
    ctx.status = 200;
    if (ctx.fresh) ctx.status = 304;
    else ctx.body = document.body;
    return true;
  }

  /** Middleware of the provider that keeps what the library wrote, with the APIs' scopes among those supported. */
  readonly keep = async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next();
    if (ctx.status !== 200 || ctx.method !== 'GET' || !DOCUMENTS.has(ctx.path)) return;
    const document = ctx.body as Record<string, unknown>;
    if (Array.isArray(document['scopes_supported'])) document['scopes_supported'] = this.#scopesSupported();
    const body = Buffer.from(JSON.stringify(document));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    this.#bytes.set(ctx.path, { body, etag, type: 'application/json; charset=utf-8' });
    this.serve(ctx as unknown as Context, ctx.path);
  };

  #scopesSupported(): string[] {
    const { identity, apis } = this.catalogue;
    return [...identity.values(), ...apis.flatMap(({ scopes }) => scopes)]
      .filter(({ showInDiscovery }) => showInDiscovery)
      .map(({ name }) => name);
  }
}
