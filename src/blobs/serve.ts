import type { Context } from 'koa';
import parseRange from 'range-parser';
import type { Step } from '../kernel/forms.js';
import { blobAt, type Blob, type Blobs } from './blobs.js';
import { kindOfName, type Kind } from './content/kinds.js';
import type { Range } from './drivers/driver.js';

const A_YEAR = 31_536_000;

/** Strong, because what is under a name never changes (RFC 9110, 8.8.3). */
const etagOf = ({ sha256 }: Blob): string => `"${sha256.slice(0, 32)}"`;

/**
 * What is asked for of a file (RFC 9110, 14): the whole where nothing or several pieces are asked for, or where `If-Range`
 * names another version.
 */
function rangeOf(blob: Blob, range: string, ifRange: string): Range | 'whole' | 'none' {
  if (range === '' || (ifRange !== '' && ifRange !== etagOf(blob))) return 'whole';
  const ranges = parseRange(blob.size, range);
  if (ranges === -1) return 'none';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return 'whole';
  return ranges[0] as Range;
}

const headersOf = (blob: Blob, { inline }: Kind): Record<string, string> => ({
  'Content-Type': blob.type,
  'Content-Disposition': `${inline ? 'inline' : 'attachment'}; filename="${blob.name}"`,
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': `public, max-age=${A_YEAR}, immutable`,
  'Accept-Ranges': 'bytes',
  'Last-Modified': new Date(blob.createdAt).toUTCString(),
  ETag: etagOf(blob),
});

/** Where the bytes cannot be had, no cache may keep the answer for as long as it would keep them. */
function takeBack(ctx: Context, headers: Record<string, string>): void {
  for (const name of [...Object.keys(headers), 'Content-Range']) ctx.remove(name);
  ctx.status = 404;
}

/**
 * `/files/<folder>/<name>`. A browser is told never to guess what a file is, and to save whatever could carry a script; the
 * file is at the tenant's own address, so nothing in it may run there.
 */
export const serveBlobs =
  (blobs: Blobs, tenantIdOf: (ctx: Context) => string): Step =>
  async (ctx, next) => {
    const at = blobAt(ctx.path);
    if (!at || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next();
    const blob = await blobs.find(tenantIdOf(ctx), at);
    const kind = kindOfName(at.name);
    if (!blob || !kind) return next();
    const headers = headersOf(blob, kind);
    ctx.status = 200;
    ctx.set(headers);
    if (ctx.fresh) {
      ctx.status = 304;
      return undefined;
    }
    const range = rangeOf(blob, ctx.get('Range'), ctx.get('If-Range'));
    if (range === 'none') {
      ctx.status = 416;
      ctx.set('Content-Range', `bytes */${blob.size}`);
      return undefined;
    }
    if (range !== 'whole') {
      ctx.status = 206;
      ctx.set('Content-Range', `bytes ${range.start}-${range.end}/${blob.size}`);
    }
    const length = range === 'whole' ? blob.size : range.end - range.start + 1;
    // Whoever asks for the head gets no bytes, so none are opened.
    if (ctx.method === 'GET') {
      const source = await blobs.open(blob, range === 'whole' ? undefined : range).catch((error: unknown) => {
        takeBack(ctx, headers);
        throw error;
      });
      if (!source) {
        takeBack(ctx, headers);
        return undefined;
      }
      ctx.body = source;
    }
    ctx.length = length;
    return undefined;
  };
