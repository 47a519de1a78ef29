import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config.js';
import { makeList, type Piece, type Refused } from './list-maker.js';
import { devicePasswords } from './passwords.js';
import type { Kind } from './schema.js';

/** What the thread is started with. */
export interface ListOrder {
  kind: Kind;
  passwords: Config['mqtt']['passwords'];
  body: Uint8Array[];
}

/** What the thread tells: pieces, and at the end one of the others. */
export type ListNews =
  { piece: Piece } | { refused: Refused } | { failed: { name: string; message: string } };

const tell = (news: ListNews, moved: Uint8Array[] = []): void =>
  parentPort?.postMessage(
    news,
    moved.map(({ buffer }) => buffer as ArrayBuffer),
  );

const { kind, passwords, body } = workerData as ListOrder;
try {
  const refused = await makeList(kind, devicePasswords(passwords), body, (piece) =>
    tell({ piece }, [piece.names, piece.devices]),
  );
  tell({ refused });
} catch (error) {
  const { name, message } = error as Error;
  tell({ failed: { name, message } });
}
