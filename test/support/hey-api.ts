import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Files, OpenApi } from '../../src/codegen/types.js';
import { temporaryFolder } from './config.js';

/** Generates real code by hey-api, in a process of its own: what is about the rest of a release needs no more of a generator. */
export async function heyApi(
  document: OpenApi,
  client: 'fetch' | 'axios' | 'angular' = 'fetch',
): Promise<Files> {
  const folder = temporaryFolder();
  const [input, path] = [join(folder, 'openapi.json'), join(folder, 'out')];
  writeFileSync(input, JSON.stringify(document));
  const config = {
    input,
    output: { path },
    plugins: [`@hey-api/client-${client}`, '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent', file: false },
  };
  const program = `const { createClient } = await import(${JSON.stringify(import.meta.resolve('@hey-api/openapi-ts'))});
    await createClient(${JSON.stringify(config)});`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
  return filesIn(path);
}

function filesIn(folder: string): Files {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [relative(folder, file).split(sep).join('/'), readFileSync(file, 'utf8')];
    }),
  );
}
