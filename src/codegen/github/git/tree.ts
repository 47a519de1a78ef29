import { GitProblem } from './problem.js';

/**
 * Trees of Git as their bytes are: entries of `<mode> <name>\0<20 bytes>`.
 * Names of a repository are only carried from one tree to the next. They may be anything, `..` and `.git` as well.
 */
export interface TreeEntry {
  mode: string;
  name: Buffer;
  /** In hexadecimal digits. */
  oid: string;
}

export const FOLDER = '40000';
export const FILE = '100644';

const OBJECT_ID = 20;

/** @throws GitProblem */
export function readEntries(tree: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < tree.length;) {
    const space = tree.indexOf(0x20, at);
    const end = tree.indexOf(0, space + 1);
    if (space === -1 || end === -1 || end + OBJECT_ID >= tree.length)
      throw new GitProblem('answer', 'the repository has a tree that cannot be read');
    const next = end + 1 + OBJECT_ID;
    entries.push({
      mode: tree.toString('latin1', at, space),
      name: tree.subarray(space + 1, end),
      oid: tree.toString('hex', end + 1, next),
    });
    at = next;
  }
  return entries;
}

/** A folder is sorted as if its name ended with a slash. */
const sortKey = ({ mode, name }: TreeEntry): Buffer =>
  mode === FOLDER ? Buffer.concat([name, Buffer.from('/')]) : name;

export const writeEntries = (entries: readonly TreeEntry[]): Buffer =>
  Buffer.concat(
    [...entries]
      .sort((a, b) => Buffer.compare(sortKey(a), sortKey(b)))
      .flatMap(({ mode, name, oid }) => [
        Buffer.from(`${mode} `),
        name,
        Buffer.from([0]),
        Buffer.from(oid, 'hex'),
      ]),
  );

export const entryNamed = (entries: readonly TreeEntry[], name: string): TreeEntry | undefined =>
  entries.find((entry) => entry.name.equals(Buffer.from(name)));
