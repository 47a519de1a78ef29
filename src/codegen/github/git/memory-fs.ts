import { checkPack } from './pack.js';

/** What Git writes for itself, in memory: names that a server sends never become names of files on this machine. */

class FsError extends Error {
  constructor(
    readonly code: 'ENOENT' | 'ENOTDIR' | 'EEXIST' | 'EISDIR' | 'ENOSYS',
    path: string,
  ) {
    super(`${code}: ${path}`);
  }
}

interface Stats {
  type: 'file' | 'dir';
  mode: number;
  size: number;
  ino: number;
  mtimeMs: number;
  ctimeMs: number;
  uid: number;
  gid: number;
  dev: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

const statsOf = (content: Buffer | undefined): Stats => ({
  type: content ? 'file' : 'dir',
  mode: content ? 0o100644 : 0o40755,
  size: content?.length ?? 0,
  ...{ ino: 0, mtimeMs: 0, ctimeMs: 0, uid: 0, gid: 0, dev: 0 },
  isFile: () => content !== undefined,
  isDirectory: () => content === undefined,
  isSymbolicLink: () => false,
});

const PACK = /\.pack$/;

/** The file system that isomorphic-git is given: what it asks for of `fs.promises`, without links. */
export class MemoryFs {
  readonly #files = new Map<string, Buffer>();
  readonly #folders = new Set<string>(['/', '.']);
  readonly promises = {
    readFile: async (path: string, options?: { encoding?: BufferEncoding } | BufferEncoding) =>
      this.#read(path, typeof options === 'string' ? options : options?.encoding),
    writeFile: async (path: string, content: Uint8Array | string) => this.#write(path, content),
    unlink: async (path: string) => {
      if (!this.#files.delete(path)) throw new FsError('ENOENT', path);
    },
    readdir: async (path: string) => this.#list(path),
    mkdir: async (path: string) => this.#makeFolder(path),
    rmdir: async (path: string) => void this.#folders.delete(path),
    rm: async (path: string) => void this.#files.delete(path),
    stat: async (path: string) => this.#stat(path),
    lstat: async (path: string) => this.#stat(path),
    readlink: async (path: string) => Promise.reject(new FsError('ENOENT', path)),
    symlink: async (path: string) => Promise.reject(new FsError('ENOSYS', path)),
  };

  #read(path: string, encoding: BufferEncoding | undefined): Buffer | string {
    const content = this.#files.get(path);
    if (!content) throw new FsError(this.#folders.has(path) ? 'EISDIR' : 'ENOENT', path);
    return encoding === undefined ? content : content.toString(encoding);
  }

  #write(path: string, content: Uint8Array | string): void {
    if (!this.#folders.has(parentOf(path))) throw new FsError('ENOENT', path);
    const bytes =
      typeof content === 'string'
        ? Buffer.from(content)
        : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    // isomorphic-git inflates what a pack has without a limit, right after it has written the pack.
    if (PACK.test(path)) checkPack(bytes);
    this.#files.set(path, bytes);
  }

  #list(path: string): string[] {
    if (this.#files.has(path)) throw new FsError('ENOTDIR', path);
    if (!this.#folders.has(path)) throw new FsError('ENOENT', path);
    const within = `${path}/`;
    return [...this.#files.keys(), ...this.#folders]
      .filter((each) => each.startsWith(within) && !each.slice(within.length).includes('/'))
      .map((each) => each.slice(within.length));
  }

  #makeFolder(path: string): void {
    if (this.#folders.has(path) || this.#files.has(path)) throw new FsError('EEXIST', path);
    if (!this.#folders.has(parentOf(path))) throw new FsError('ENOENT', path);
    this.#folders.add(path);
  }

  #stat(path: string): Stats {
    const content = this.#files.get(path);
    if (!content && !this.#folders.has(path)) throw new FsError('ENOENT', path);
    return statsOf(content);
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}
