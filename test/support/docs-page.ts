import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/kernel/root.js';

const run = promisify(execFile);

/** The shell lines of a page of docs/ as one script, and what the page says that they print. */
export function pageOf(name: string): { script: string; printed: string } {
  const blocks = [
    ...readFileSync(join(packageRoot, 'docs', name), 'utf8').matchAll(/```(sh|text)\n([^]*?)```/g),
  ];
  const of = (kind: string): string =>
    blocks
      .filter(([, is]) => is === kind)
      .map(([, , text]) => text)
      .join('');
  return { script: of('sh'), printed: of('text') };
}

/** Runs the lines of a page in a new folder; answers what they print. */
export async function runPage(script: string, environment: Record<string, string>): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'gatehouse-page-'));
  const env = { ...process.env, ...environment };
  return (await run('bash', ['-euo', 'pipefail', '-c', script], { cwd, env })).stdout;
}
