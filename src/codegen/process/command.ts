import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildEntry } from '../../kernel/child-entry.js';
import { packageRoot } from '../../kernel/root.js';
import type { RunFolder } from './folder.js';

/** A program with its arguments. No shell reads them. */
export interface Command {
  command: string;
  args: readonly string[];
  /** The whole environment. */
  environment?: Readonly<Record<string, string>>;
  /** What messages call it; `the generator` where it is not set. */
  name?: string;
}

/** Node's name for its permission model: it was experimental until 22.13. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

/** What libraries look for on the machine when they are loaded; Node 20 throws where they only ask whether it is there. */
const ASKED_FOR = ['/proc/sys/fs/binfmt_misc/WSLInterop', '/run/WSL'];

/** What is read of this package: its own code, and the libraries. Neither has secrets or data in it. */
const READ = [join(packageRoot, 'dist')];

/** Whose folder is the package's root (kernel/root.ts). */
const MANIFEST = join(packageRoot, 'package.json');

/**
 * Node's permission model for a tool: it reads this package's code, its libraries and the run's folder, writes the run's output,
 * starts no process, thread or add-on, and makes no symbolic link. A library that a document turns against the server changes and
 * reads nothing else of this machine.
 *
 * It does not keep the tool from the network (the entries take `fetch` away, and the documents' references lead nowhere), does not
 * hide environment variables (there are none), and is not a sandbox against code that was written to break out of V8.
 */
const permissions = (folder: RunFolder, libraries: readonly string[]): string[] => [
  PERMISSION,
  '--disable-warning=ExperimentalWarning',
  ...[...READ, ...libraries, folder.path].map((path) => `--allow-fs-read=${path}${sep}`),
  ...[MANIFEST, ...ASKED_FOR].map((path) => `--allow-fs-read=${path}`),
  `--allow-fs-write=${folder.output}${sep}`,
];

/** The outermost `node_modules` folder that a file is in: what its package needs can be anywhere below it. */
function librariesAbove(file: string): string {
  const folder = `${sep}node_modules`;
  return file.slice(0, file.indexOf(`${folder}${sep}`) + folder.length);
}

/** The folders of libraries that packages are in, with what they need; undefined where one of them is not installed. */
export function librariesOf(...packages: readonly string[]): string[] | undefined {
  try {
    const files = packages.map((name) => fileURLToPath(import.meta.resolve(name)));
    return [...new Set(files.map(librariesAbove))];
  } catch {
    return undefined;
  }
}

export interface NodeOptions {
  folder: RunFolder;
  heapMegabytes: number;
  /** Folders of libraries that it may read. */
  libraries: readonly string[];
}

/**
 * A tool that Node runs, from one of our files, with its heap bounded. Run from sources it has no permission model: the loader of
 * TypeScript starts a process.
 */
export const nodeCommand = (
  { file, loader, isBuilt }: ChildEntry,
  { folder, heapMegabytes, libraries }: NodeOptions,
): Command => ({
  command: process.execPath,
  args: [
    `--max-old-space-size=${heapMegabytes}`,
    '--max-semi-space-size=32',
    ...loader,
    ...(isBuilt ? permissions(folder, libraries) : []),
    file,
  ],
});
