import { startServer } from '../test/support/server.js';
import { median } from './measure.js';

/** How long a preview of our own document takes, from the request to the last byte: the first one, and those that follow. */
const ROUNDS = 5;
/** Callers look at a preview before they ask for the next: its process can start meanwhile. */
const PAUSE_MS = 4000;

const server = await startServer('sqlite');
const document: unknown = await (await fetch(new URL('/openapi.json', server.issuer))).json();

async function preview(genName: string): Promise<{ ms: number; files: number }> {
  const started = performance.now();
  const response = await fetch(new URL('/api/CodeGen/Gen', server.issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ genName, document }),
  });
  const { data } = (await response.json()) as { data: object };
  if (!response.ok) throw new Error(JSON.stringify(data));
  return { ms: performance.now() - started, files: Object.keys(data).length };
}

try {
  for (const name of ['hey-api-fetch', 'gatehouse-koa']) {
    const first = await preview(name);
    const next: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      next.push((await preview(name)).ms);
    }
    console.log(
      `${name}: ${first.files} files; the first preview ${first.ms.toFixed(0)} ms, the next ones ${median(next).toFixed(0)} ms (median of ${ROUNDS}, best ${Math.min(...next).toFixed(0)} ms)`,
    );
  }
} finally {
  await server.stop();
}
