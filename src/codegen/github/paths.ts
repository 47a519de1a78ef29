import { Failure } from '../../api/index.js';
import { CODEGEN_CODES } from '../codes.js';
import type { Files } from '../types.js';

/** Names that Git, Windows or a shell would take for something else. */
const SEGMENT =
  /^(?!\.{1,2}$)(?!\.git$)(?!git~\d)[^\p{Cc}\p{Cs}\\/:<>"|?*\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]{1,200}(?<![. ])$/iu;
const LONGEST = 1000;
const MOST = 20_000;

const refused = (message: string): Failure => new Failure(422, CODEGEN_CODES.generateFailed, { message });

/**
 * Refuses paths that would climb out of their folder, or that are a file and a folder at once.
 * @throws Failure: 422 200006
 */
export function checkPaths(files: Files): void {
  if (files.size === 0) throw refused('the generator makes no file');
  if (files.size > MOST) throw refused(`the generator makes more than ${MOST} files`);
  const folders = new Set<string>();
  for (const path of files.keys()) {
    const segments = path.split('/');
    if (path.length > LONGEST || !segments.every((segment) => SEGMENT.test(segment)))
      throw refused(
        `the generator names a file ${JSON.stringify(path.slice(0, 200))}, which a repository may not have`,
      );
    for (let n = 1; n < segments.length; n += 1) folders.add(segments.slice(0, n).join('/'));
  }
  for (const path of files.keys())
    if (folders.has(path)) throw refused(`the generator makes ${JSON.stringify(path)} a file and a folder`);
}
