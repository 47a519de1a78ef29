import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { piecesOf } from '../../../kernel/pieces.js';
import type { Problem } from '../../plane/problem.js';

const tooLarge = (most: number): Problem => ({
  word: 'too-large',
  detail: `Send a body of at most ${most} bytes.`,
  // The rest of it is not read.
  headers: { Connection: 'close' },
});

const ENCODING: Problem = {
  word: 'media-type',
  detail: 'Send the body without Content-Encoding, or with gzip.',
  headers: { 'Accept-Encoding': 'gzip' },
};

const BROKEN: Problem = {
  word: 'invalid-request',
  detail: 'The body is not gzip, as its Content-Encoding says.',
};

/** How a body is encoded (RFC 9110, 8.4); undefined for a way that is not known, or several. */
export function encodingOf(header: string | undefined): 'gzip' | 'identity' | undefined {
  const name = (header ?? 'identity').trim().toLowerCase();
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  return name === 'identity' || name === '' ? 'identity' : undefined;
}

/** Why a body is not read at all: its encoding, or the length that it says. */
export function refuseUnread(
  headers: Readonly<Record<string, string | undefined>>,
  most: number,
): Problem | undefined {
  if (encodingOf(headers['content-encoding']) === undefined) return ENCODING;
  return Number(headers['content-length'] ?? 0) > most ? tooLarge(most) : undefined;
}

/**
 * Reads a whole body, and stops where it is too long. It rejects where the caller breaks it off.
 * @param most bytes
 * @param idleMs how long the caller may send nothing; its connection is closed then.
 */
export async function readBody(
  request: IncomingMessage,
  most: number,
  idleMs: number,
): Promise<Buffer | Problem> {
  const chunks: Buffer[] = [];
  let length = 0;
  const idle = setTimeout(() => request.destroy(), idleMs);
  try {
    for await (const chunk of piecesOf(request)) {
      idle.refresh();
      length += chunk.length;
      if (length > most) return tooLarge(most);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  } finally {
    clearTimeout(idle);
  }
}

/** The content of a body, decompressed up to the same length: a short body can become any number of bytes. */
export async function contentOf(
  body: Buffer,
  header: string | undefined,
  most: number,
): Promise<Buffer | Problem> {
  if (encodingOf(header) !== 'gzip') return body;
  return new Promise((resolve) => {
    gunzip(body, { maxOutputLength: most }, (error, content) => {
      if (!error) return resolve(content);
      const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      resolve(isTooLarge ? tooLarge(most) : BROKEN);
    });
  });
}
