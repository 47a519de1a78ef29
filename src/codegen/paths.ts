import { generatorFailed } from './failures.js';
import { LIMITS, pathProblem, shownPath, ToolFailed } from './process/index.js';
import type { Files } from './types.js';

const refused = (message: string) => generatorFailed(new ToolFailed(message, [message]));

/**
 * Checks the paths of generated files before they leave this server, in a preview, a package or a repository: each by itself, and that no two
 * of them are one file, or a file and a folder, where a system does not tell cases apart.
 * @throws Failure: 422 200006
 */
export function checkPaths(files: Files): void {
  if (files.size === 0) throw refused('the generator makes no file');
  if (files.size > LIMITS.outputFiles)
    throw refused(`the generator makes more than ${LIMITS.outputFiles} files`);
  const [seen, folders] = [new Set<string>(), new Set<string>()];
  for (const path of files.keys()) {
    const problem = pathProblem(path);
    if (problem !== undefined) throw refused(`a generated file was refused: ${shownPath(path)} ${problem}`);
    const segments = path.toLowerCase().split('/');
    if (seen.has(segments.join('/')))
      throw refused(`the generator makes ${shownPath(path)} twice, in this or another case`);
    seen.add(segments.join('/'));
    for (let n = 1; n < segments.length; n += 1) folders.add(segments.slice(0, n).join('/'));
  }
  for (const path of seen)
    if (folders.has(path)) throw refused(`the generator makes ${shownPath(path)} a file and a folder`);
}
