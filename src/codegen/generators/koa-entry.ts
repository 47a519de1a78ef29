import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from '../../kernel/json.js';
import { answerOrder } from '../process/entry.js';
import type { OpenApi } from '../types.js';
import { koaStub } from './koa/index.js';

/** The child process that makes the Koa stub: examples of a hostile document take time and memory too. */
await answerOrder(async () => {
  const document = parse<OpenApi>(await readFile('document.json', 'utf8'));
  for (const [path, text] of koaStub(document)) {
    await mkdir(dirname(join('out', path)), { recursive: true });
    await writeFile(join('out', path), text);
  }
});
