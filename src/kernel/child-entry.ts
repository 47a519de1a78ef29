import { fileURLToPath } from 'node:url';

/** How Node starts a child process at a file. */
export interface ChildEntry {
  file: string;
  /** Arguments of Node that come before the file. */
  loader: readonly string[];
  /** Whether it runs as the build left it, without a loader. */
  isBuilt: boolean;
}

/**
 * Where a child process begins: at a file next to `here`. Run from its sources, as the tests do, the child gets the loader that
 * reads TypeScript.
 * @param here the caller's `import.meta.url`.
 */
export function childEntry(name: string, here: string): ChildEntry {
  const isBuilt = here.endsWith('.js');
  return {
    file: fileURLToPath(new URL(`./${name}.${isBuilt ? 'js' : 'ts'}`, here)),
    loader: isBuilt ? [] : ['--import', import.meta.resolve('tsx')],
    isBuilt,
  };
}
