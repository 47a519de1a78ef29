import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { Middleware } from 'koa';
import { DOCS_CLIENT_ID } from './clients/index.js';
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
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };

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

/** No scope is ticked before the reader ticks it. */
const START = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
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
      const file = join(folder, name);
      ctx.set('Cache-Control', 'public, max-age=3600');
      ctx.set('ETag', `"${version}-${name}"`);
      ctx.status = 200;
      if (ctx.fresh) {
        ctx.status = 304;
        return undefined;
      }
      ctx.type = TYPES[extname(name)] as string;
      ctx.length = statSync(file).size;
      ctx.body = createReadStream(file);
    } else ctx.status = 404;
    return undefined;
  };
}
