import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** A long text as columns keep it: compressed, in base64. */
export const packed = async (text: string): Promise<string> =>
  (await promisify(gzip)(text)).toString('base64');

export const unpacked = async (text: unknown): Promise<Buffer> =>
  promisify(gunzip)(Buffer.from(text as string, 'base64'));
