import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { Middleware } from 'koa';
import { DOCS_CLIENT_ID } from './clients/index.js';
import { keepAnswer, sendKept, type KeptAnswer } from './kernel/kept-answer.js';
import { DOCS_CALLBACK } from './oidc/index.js';

/** Files of the viewer that the page loads; it fetches nothing from anywhere else. */
const FILES = new Set([
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'oauth2-redirect.html',
  'oauth2-redirect.js',
  'favicon-32x32.png',
]);
const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.png': 'image/png',
};

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('swagger-ui-dist/package.json'));

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Management API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** No scope is ticked before the reader ticks it. Areas are closed: there are more operations than a page shows well. */
const START = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  docExpansion: 'none',
  validatorUrl: null,
  oauth2RedirectUrl: location.origin + '${DOCS_CALLBACK}',
});
window.ui.initOAuth({ clientId: '${DOCS_CLIENT_ID}', usePkceWithAuthorizationCodeGrant: true });
`;

/** The viewer sets styles on elements, which no other page of the product may; scripts are files of its own all the same. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Files of the viewer that somebody has asked for. They are read once: a megabyte is not read again for each request. */
const kept = new Map<string, Promise<KeptAnswer>>();

function fileOf(name: string): Promise<KeptAnswer> {
  let file = kept.get(name);
  if (!file) {
    const headers = {
      'Content-Type': TYPES[extname(name)] as string,
      'Cache-Control': 'public, max-age=3600',
    };
    file = readFile(join(folder, name)).then((bytes) => keepAnswer([bytes], headers));
    kept.set(name, file);
    file.catch(() => kept.delete(name));
  }
  return file;
}

/** `/docs`: the management API for people, to read and to try, by Swagger UI. */
export function serveDocs(): Middleware {
  return (ctx, next) => {
    if (ctx.path !== '/docs' && !ctx.path.startsWith('/docs/')) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    ctx.set({
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    const name = ctx.path.slice('/docs/'.length);
    if (name === '') {
      ctx.type = 'text/html; charset=utf-8';
      ctx.body = PAGE;
    } else if (name === 'start.js') {
      ctx.type = TYPES['.js'] as string;
      ctx.body = START;
    } else if (FILES.has(name)) {
      return fileOf(name).then((file) => {
        ctx.respond = false;
        sendKept(ctx.req, ctx.res, file);
      });
    } else ctx.status = 404;
    return undefined;
  };
}
