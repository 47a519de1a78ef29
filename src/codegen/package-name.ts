import { isBuiltin } from 'node:module';

const LONGEST = 214;
const PART = /^[a-z0-9][a-z0-9._-]*$/;
const SCOPED = /^@([^/]*)\/([^/]*)$/;
const RESERVED = new Set(['node_modules', 'favicon.ico']);

/**
 * Why a text is no name that npm lets a new package have (https://docs.npmjs.com/cli/configuring-npm/package-json#name);
 * undefined for one that is.
 */
export function packageNameProblem(name: string): string | undefined {
  if (name.length > LONGEST) return `must have at most ${LONGEST} characters`;
  const [, scope, inScope] = SCOPED.exec(name) ?? [];
  const parts = scope === undefined || inScope === undefined ? [name] : [scope, inScope];
  if (!parts.every((part) => PART.test(part)))
    return 'must be "name" or "@scope/name" of lower-case letters, digits, ".", "_" and "-", each beginning with a letter or a digit';
  if (RESERVED.has(name)) return `"${name}" has another meaning; choose another name`;
  if (isBuiltin(name)) return `"${name}" is a module of Node.js; choose another name`;
  return undefined;
}
