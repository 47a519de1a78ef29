import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Files, OpenApi } from '../../src/codegen/types.js';
import { temporaryFolder } from './config.js';

type Client = 'fetch' | 'axios' | 'angular';

/**
 * Generates real code of documents by hey-api, in one process of its own, which takes long to load it: what is about the rest of a
 * release needs no more of a generator.
 */
export async function heyApi(
  orders: readonly (readonly [document: OpenApi, client?: Client])[],
): Promise<Files[]> {
  const folder = temporaryFolder();
  const configs = orders.map(([document, client = 'fetch'], at) => {
    const [input, path] = [join(folder, `${at}.json`), join(folder, `out-${at}`)];
    writeFileSync(input, JSON.stringify(document));
    const plugins = [`@hey-api/client-${client}`, '@hey-api/typescript', '@hey-api/sdk'];
    return { input, output: { path }, plugins, logs: { level: 'silent', file: false } };
  });
  const program = `const { createClient } = await import(${JSON.stringify(import.meta.resolve('@hey-api/openapi-ts'))});
    for (const config of ${JSON.stringify(configs)}) await createClient(config);`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
  return configs.map(({ output: { path } }) => filesIn(path));
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
