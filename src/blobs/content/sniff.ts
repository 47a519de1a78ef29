import { open } from 'node:fs/promises';
import type { fileTypeFromTokenizer } from 'file-type';
import { documentIn } from './compound.js';
import { isWholeJpeg, isWholePng } from './images.js';
import { KINDS, type Kind } from './kinds.js';
import { Pieces } from './pieces.js';
import { TooMuchWork, Work } from './work.js';

/** What the library reads of a file, as far as it is counted. */
type Tokenizer = Pick<Parameters<typeof fileTypeFromTokenizer>[0], 'readBuffer' | 'peekBuffer'>;

/** Counts what the sniffing library reads: it follows the tables of archives and films, which an upload can fill. */
function count(tokenizer: Tokenizer, work: Work): void {
  const counted =
    (read: Tokenizer['readBuffer']): Tokenizer['readBuffer'] =>
    async (buffer, options) => {
      work.read(options?.length ?? buffer.length);
      return read.call(tokenizer, buffer, options);
    };
  tokenizer.readBuffer = counted(tokenizer.readBuffer.bind(tokenizer));
  tokenizer.peekBuffer = counted(tokenizer.peekBuffer.bind(tokenizer));
}

/** What the library calls the content. */
async function sniffedExt(path: string, work: Work): Promise<string | undefined> {
  const { fileTypeFromFile } = await import('file-type'); // not before there is a file
  const counting = {
    id: 'gatehouse.work',
    async detect(tokenizer: Tokenizer): Promise<undefined> {
      count(tokenizer, work);
    },
  };
  const sniffed = await fileTypeFromFile(path, {
    customDetectors: [counting],
    ...(work.signal && { signal: work.signal }),
  }).catch(() => undefined);
  work.signal?.throwIfAborted();
  return sniffed?.ext;
}

/**
 * What a file is, by its content; undefined for whatever is not taken, and where it costs more to find out than with any real
 * file. Its name and what it was said to be count nothing. @throws the reason of the work's signal
 */
export async function kindOfFile(path: string, work = new Work()): Promise<Kind | undefined> {
  const ext = await sniffedExt(path, work);
  if (ext === undefined) return undefined;
  const kind = KINDS[ext];
  if (kind && kind.family !== 'image') return kind;
  const file = await open(path);
  try {
    const pieces = new Pieces(file, work);
    if (ext === 'cfb') return await documentIn(pieces);
    if (!kind) return undefined;
    return (await (kind.ext === 'png' ? isWholePng(pieces) : isWholeJpeg(pieces))) ? kind : undefined;
  } catch (error) {
    if (error instanceof TooMuchWork) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}
