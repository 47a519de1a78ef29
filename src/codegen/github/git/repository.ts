import {
  indexPack,
  init,
  packObjects,
  readCommit,
  readObject,
  writeBlob,
  writeCommit,
  writeObject,
} from 'isomorphic-git';
import type { Reach } from '../../../kernel/private-networks.js';
import { openGitHttp, type GitHttp } from './http.js';
import { MemoryFs } from './memory-fs.js';
import { GitProblem } from './problem.js';
import { fetchBranch, pushBranch, type Pushed, type Remote } from './remote.js';
import { entryNamed, FILE, FOLDER, readEntries, writeEntries, type TreeEntry } from './tree.js';

/** Where a repository is, and how it is reached. */
export interface RepositoryOptions {
  remoteUrl: string;
  branch: string;
  token: string | null;
  reach: Reach;
  /** Milliseconds for each request. */
  timeout: number;
  /** Bytes of an answer. */
  largest: number;
}

/** The files of folders, each by its path in the repository. What a folder has else is deleted. */
export type Folders = readonly (readonly [
  folder: string,
  files: readonly (readonly [path: string, text: string])[],
])[];

export interface CommitOrder {
  folders: Folders;
  message: string;
  author: { name: string; email: string };
  /** Epoch seconds. */
  time: number;
}

export interface Committed {
  /** The head of the branch, which is the old one where nothing has changed. */
  commit: string;
  changed: boolean;
}

const GITDIR = '/repository';
const PACK = 'objects/pack/pack-fetched.pack';
/** So many commits are looked at for one that an earlier run has made. */
const DEEP = 50;
const MOST_COMMITS = 5000;

/**
 * A branch of a remote repository. It is kept in memory, and nothing of it is checked out: names, links and modes of what others
 * have pushed are only carried from one tree to the next.
 */
export class Repository {
  readonly #http: GitHttp;
  readonly #remote: Remote;
  #fs = new MemoryFs();
  #cache = {};
  #head: string | null = null;
  #made: { commit: string; objects: readonly string[] } | undefined;

  constructor(options: RepositoryOptions) {
    const remote = new URL(options.remoteUrl);
    this.#http = openGitHttp({ ...options, remote });
    this.#remote = {
      http: this.#http,
      url: remote.href.replace(/\/+$/, ''),
      ref: `refs/heads/${options.branch}`,
    };
  }

  /**
   * Reads the branch as it is now.
   * @param noted a commit that an earlier run may have pushed.
   * @returns whether the branch has it
   * @throws GitProblem
   */
  async clone(noted?: string): Promise<{ hasNoted: boolean }> {
    const { head, pack } = await fetchBranch(this.#remote, noted === undefined ? 1 : DEEP);
    this.#fs = new MemoryFs();
    this.#cache = {};
    this.#made = undefined;
    this.#head = head;
    await init({ fs: this.#fs, gitdir: GITDIR, bare: true });
    if (pack) await this.#keep(pack);
    if (head !== null) await this.#commitAt(head);
    return { hasNoted: noted !== undefined && (await this.#hasAncestor(noted)) };
  }

  /** Commits the folders on the branch that was read. @throws GitProblem */
  async write({ folders, message, author, time }: CommitOrder): Promise<Committed> {
    const objects: string[] = [];
    const parent = this.#head;
    const before = parent === null ? undefined : (await this.#commitAt(parent)).tree;
    let tree = before;
    for (const [folder, files] of folders) {
      const made = await this.#writeFolder(files, objects);
      tree = await this.#replace(tree, folder.split('/'), made, objects);
    }
    if (tree === undefined) throw new Error('a commit needs a folder');
    if (parent !== null && tree === before) return { commit: parent, changed: false };
    const signed = { ...author, timestamp: time, timezoneOffset: 0 };
    const commit = await writeCommit({
      ...this.#store,
      commit: { message, tree, parent: parent === null ? [] : [parent], author: signed, committer: signed },
    });
    this.#made = { commit, objects: [...new Set([...objects, commit])] };
    return { commit, changed: true };
  }

  /** Pushes what `write` has committed. @throws GitProblem */
  async push(): Promise<Pushed> {
    if (!this.#made) throw new Error('there is nothing to push');
    const { commit, objects } = this.#made;
    const { packfile } = await packObjects({ ...this.#store, oids: [...objects], write: false });
    if (!packfile) throw new Error('no pack was made');
    return pushBranch(this.#remote, { from: this.#head, to: commit, pack: Buffer.from(packfile) });
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  get #store() {
    return { fs: this.#fs, gitdir: GITDIR, cache: this.#cache };
  }

  async #keep(pack: Buffer): Promise<void> {
    try {
      await this.#fs.promises.mkdir(`${GITDIR}/objects/pack`).catch(() => undefined);
      await this.#fs.promises.writeFile(`${GITDIR}/${PACK}`, pack);
      await indexPack({ ...this.#store, dir: GITDIR, filepath: PACK });
    } catch (error) {
      throw error instanceof GitProblem
        ? error
        : new GitProblem('answer', 'the server sends a pack that cannot be read');
    }
  }

  async #commitAt(oid: string): Promise<{ tree: string; parents: readonly string[] }> {
    try {
      const { commit } = await readCommit({ ...this.#store, oid });
      return { tree: commit.tree, parents: commit.parent };
    } catch {
      throw new GitProblem('answer', 'the server does not send the commit that it has named');
    }
  }

  /** Whether the branch is or contains a commit, as far as its history was read. */
  async #hasAncestor(wanted: string): Promise<boolean> {
    const seen = new Set<string>();
    const waiting = this.#head === null ? [] : [this.#head];
    for (let oid = waiting.pop(); oid !== undefined && seen.size < MOST_COMMITS; oid = waiting.pop()) {
      if (oid === wanted) return true;
      if (seen.has(oid)) continue;
      seen.add(oid);
      const { parents } = await this.#commitAt(oid).catch(() => ({ parents: [] }));
      waiting.push(...parents);
    }
    return false;
  }

  async #entriesOf(tree: string): Promise<TreeEntry[]> {
    const read = await readObject({ ...this.#store, oid: tree, format: 'content' }).catch(() => undefined);
    if (read?.type !== 'tree')
      throw new GitProblem('answer', 'the server does not send a tree that it has named');
    return readEntries(Buffer.from(read.object as Uint8Array));
  }

  async #writeTree(entries: readonly TreeEntry[], objects: string[]): Promise<string> {
    const object = writeEntries(entries);
    const oid = await writeObject({ ...this.#store, type: 'tree', format: 'content', object });
    objects.push(oid);
    return oid;
  }

  /** Writes files by their paths, and the folders that they are in. */
  async #writeFolder(
    files: readonly (readonly [path: string, text: string])[],
    objects: string[],
  ): Promise<string> {
    const entries: TreeEntry[] = [];
    const folders = new Map<string, [path: string, text: string][]>();
    for (const [path, text] of files) {
      const slash = path.indexOf('/');
      if (slash === -1) {
        const oid = await writeBlob({ ...this.#store, blob: Buffer.from(text) });
        objects.push(oid);
        entries.push({ mode: FILE, name: Buffer.from(path), oid });
      } else {
        const [folder, rest] = [path.slice(0, slash), path.slice(slash + 1)];
        const inside = folders.get(folder) ?? [];
        folders.set(folder, inside);
        inside.push([rest, text]);
      }
    }
    for (const [folder, inside] of folders)
      entries.push({
        mode: FOLDER,
        name: Buffer.from(folder),
        oid: await this.#writeFolder(inside, objects),
      });
    return this.#writeTree(entries, objects);
  }

  /** A tree in which the folder at a path is another one; all else in it stays as it is. */
  async #replace(
    tree: string | undefined,
    [name = '', ...rest]: readonly string[],
    folder: string,
    objects: string[],
  ): Promise<string> {
    const entries = tree === undefined ? [] : await this.#entriesOf(tree);
    const there = entryNamed(entries, name);
    if (there && there.mode !== FOLDER)
      throw new GitProblem('tree', `"${name}" is no folder in the repository; move what is there`);
    const oid = rest.length === 0 ? folder : await this.#replace(there?.oid, rest, folder, objects);
    const others = entries.filter((entry) => entry !== there);
    return this.#writeTree([...others, { mode: FOLDER, name: Buffer.from(name), oid }], objects);
  }
}
