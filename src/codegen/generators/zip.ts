import { Zip, ZipDeflate } from 'fflate';
import { yieldToEventLoop } from '../../kernel/event-loop.js';
import type { Files } from '../types.js';

const PIECE = 64 * 1024;
const LEVEL = 3;
/** The same files make the same bytes. ZIP knows no earlier time. */
const TIME = '1980-01-01T12:00:00';

/** Files as a ZIP. Other requests are answered meanwhile. */
export async function zipOf(files: Files): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  for (const [path, text] of files) {
    const file = new ZipDeflate(path, { level: LEVEL });
    file.mtime = TIME;
    zip.add(file);
    const content = Buffer.from(text);
    for (let at = 0; at < content.length || at === 0; at += PIECE) {
      file.push(content.subarray(at, at + PIECE), at + PIECE >= content.length);
      await yieldToEventLoop();
    }
  }
  zip.end();
  return Buffer.concat(chunks);
}
