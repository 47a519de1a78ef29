import { open } from 'node:fs/promises';
import { documentIn } from './compound.js';
import { isWholeJpeg, isWholePng } from './images.js';
import { KINDS, type Kind } from './kinds.js';

/** What a file is, by its content; undefined for whatever is not taken. Its name and what it was said to be count nothing. */
export async function kindOfFile(path: string): Promise<Kind | undefined> {
  const { fileTypeFromFile } = await import('file-type'); // not before there is a file
  const sniffed = await fileTypeFromFile(path).catch(() => undefined);
  if (!sniffed) return undefined;
  const kind = KINDS[sniffed.ext];
  if (kind && kind.family !== 'image') return kind;
  const file = await open(path);
  try {
    if (sniffed.ext === 'cfb') return await documentIn(file);
    if (!kind) return undefined;
    return (await (kind.ext === 'png' ? isWholePng(file) : isWholeJpeg(file))) ? kind : undefined;
  } finally {
    await file.close();
  }
}
