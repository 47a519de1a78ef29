import { constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isUtf8 } from 'node:buffer';
import type { Files } from '../types.js';
import { ToolFailed } from './failed.js';
import type { Limits } from './limits.js';
import { MOST_LEVELS, pathProblem, shownPath } from './paths.js';

/** What a tool has written is read as untrusted: a document can name its files. */

type OutputLimits = Pick<Limits, 'outputBytes' | 'outputFiles'>;

const refuse = (path: string, problem: string): ToolFailed =>
  new ToolFailed(`a generated file was refused: ${shownPath(path)} ${problem}`);

export const tooMuch = ({ outputBytes, outputFiles }: OutputLimits): ToolFailed =>
  new ToolFailed(`more than ${outputBytes} bytes, or more than ${outputFiles} files, are written`);

/** Collects generated texts, and refuses what goes beyond the limits. */
export class FileCollector {
  readonly #files = new Map<string, string>();
  #bytes = 0;

  constructor(readonly limits: OutputLimits) {}

  /** Call it before a file's content is read. @throws ToolFailed */
  admit(path: string, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.limits.outputBytes || this.#files.size >= this.limits.outputFiles)
      throw tooMuch(this.limits);
    const problem = pathProblem(path);
    if (problem !== undefined) throw refuse(path, problem);
  }

  /** Takes a file that was admitted. @throws ToolFailed for one that is no text, or is there twice */
  take(path: string, content: Buffer): void {
    if (!isUtf8(content)) throw refuse(path, 'is not text in UTF-8');
    if (this.#files.has(path)) throw refuse(path, 'is there twice');
    this.#files.set(path, content.toString());
  }

  /** The files, in the order of their paths. */
  get files(): Files {
    return new Map([...this.#files].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** A path below a folder that names neither a folder nor its content. */
interface Entry {
  path: string;
  isFile: boolean;
}

/** Everything below a folder that is not a folder. Symbolic links are not followed. */
async function* entriesOf(root: string, under = ''): AsyncGenerator<Entry> {
  for await (const entry of await opendir(join(root, under))) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (!entry.isDirectory()) yield { path, isFile: entry.isFile() };
    else if (path.split('/').length > MOST_LEVELS)
      throw refuse(path, `is more than ${MOST_LEVELS} folders deep`);
    else yield* entriesOf(root, path);
  }
}

/**
 * Reads what a tool has written below a folder. The tool must have ended.
 * @param isWanted whether a file is part of the code. Others are not read.
 * @throws ToolFailed for a path, a file or a size that is not taken
 */
export async function readOutput(
  root: string,
  limits: OutputLimits,
  isWanted: (path: string) => boolean = () => true,
): Promise<Files> {
  const collector = new FileCollector(limits);
  for await (const { path, isFile } of entriesOf(root)) {
    if (!isFile) throw refuse(path, 'is not a regular file');
    if (isWanted(path)) await readInto(collector, root, path);
  }
  return collector.files;
}

async function readInto(collector: FileCollector, root: string, path: string): Promise<void> {
  const file = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size, nlink } = await file.stat();
    // A hard link has the content of a file that is somewhere else.
    if (nlink !== 1) throw refuse(path, 'is not a regular file');
    collector.admit(path, size);
    const content = Buffer.alloc(size);
    const { bytesRead } = await file.read(content, 0, size, 0);
    collector.take(path, content.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Whether a tool that still runs has written more than it may. What it removes meanwhile does not count. */
export async function isTooLarge(root: string, limits: OutputLimits): Promise<boolean> {
  let [bytes, files] = [0, 0];
  try {
    for await (const { path } of entriesOf(root)) {
      files += 1;
      bytes += (await lstat(join(root, path)).catch(() => undefined))?.size ?? 0;
      if (bytes > limits.outputBytes || files > limits.outputFiles) return true;
    }
  } catch (error) {
    return error instanceof ToolFailed;
  }
  return false;
}
