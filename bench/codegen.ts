import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuSeconds, median } from './measure.js';
import { packageRoot } from '../src/kernel/root.js';
import { newApi } from '../test/gateway/subscribers/list.js';
import { administrator } from '../test/support/area.js';
import { startServer } from '../test/support/server.js';
import { startVerdaccio } from '../test/support/verdaccio.js';

/**
 * How long previews of our own document take next to the library's own command, and a release of its client to a real registry: from
 * the request to the last byte. They take turns. CPU is of the server and of the processes that it has started.
 */
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
/** Callers look at a preview before they ask for the next: its process can start meanwhile. */
const PAUSE_MS = 4000;

const COMMAND = join(packageRoot, 'node_modules', '@hey-api', 'openapi-ts', 'bin', 'run.js');

const [server, verdaccio] = await Promise.all([
  startServer('sqlite', { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128,localhost' }),
  startVerdaccio(),
]);
const address = new URL('/openapi.json', server.issuer).href;
const document: unknown = await (await fetch(address)).json();

async function preview(genName: string): Promise<void> {
  const response = await fetch(new URL('/api/CodeGen/Gen', server.issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ genName, document }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(answer);
}

/** The library's own command, on the same document. */
async function command(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'));
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document));
  const args = ['-i', join(folder, 'openapi.json'), '-o', join(folder, 'out'), '--silent'];
  await promisify(execFile)(process.execPath, [COMMAND, ...args], { cwd: folder });
  await rm(folder, { recursive: true });
}

async function releases(): Promise<() => Promise<void>> {
  const admin = await administrator(server);
  const apiId = await newApi(admin);
  const { url: registry, token } = verdaccio;
  const options = { name: 'Gatehouse', sdkName: '@example/gatehouse', registry, token };
  await admin.done('PUT', `/api/CodeGen/${apiId}/NpmOptions/typescript`, options);
  const order = { platform: 'npm', language: 'typescript', apiId, swaggerUrl: address };
  return async () => {
    const { state } = await admin.done('POST', '/api/CodeGen/ReleaseSDK', order);
    if (state !== 'done') throw new Error(`the release is ${String(state)}`);
  };
}

interface Sample {
  wall: number;
  cpu: number;
}

async function measured(work: () => Promise<void>): Promise<Sample> {
  const [cpu, started] = [cpuSeconds(), performance.now()];
  await work();
  return { wall: (performance.now() - started) / 1000, cpu: cpuSeconds() - cpu };
}

const said = ({ wall, cpu }: Sample): string => `${wall.toFixed(1)} s (${cpu.toFixed(1)} s CPU)`;

try {
  const works: Record<string, () => Promise<void>> = {
    // The release before it has taken the process that waited, so this preview starts one.
    'preview by hey-api-fetch, the first in a while': () => preview('hey-api-fetch'),
    'preview by hey-api-fetch, after another': () => preview('hey-api-fetch'),
    'the same by the command of hey-api': command,
    'preview by gatehouse-koa': () => preview('gatehouse-koa'),
    'release by hey-api-fetch': await releases(),
  };
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [name, work] of Object.entries(works)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      samples.set(name, [...(samples.get(name) ?? []), await measured(work)]);
    }
  for (const [name, [first, ...next]] of samples) {
    const of = (value: (sample: Sample) => number) => median(next.map(value));
    const typical = { wall: of(({ wall }) => wall), cpu: of(({ cpu }) => cpu) };
    const best = Math.min(...next.map(({ wall }) => wall));
    console.log(
      `${name}: first ${said(first as Sample)}, next ${said(typical)}, medians of ${ROUNDS}; best ${best.toFixed(1)} s`,
    );
  }
} finally {
  await Promise.all([server.stop(), verdaccio.close()]);
}
