import { existsSync } from 'node:fs';
import type { Context } from 'mocha';

/** Skips the test, by name and saying what it needs. */
export function skipByName(test: Context, need: string): never {
  const { title, parent } = test.currentTest ?? test.test ?? {};
  console.log(`      skipped "${[...(parent?.titlePath() ?? []), title].join(' ')}": ${need}`);
  test.skip();
}

/** Skips the test where one of the files of another program is missing. */
export function needsFiles(test: Context, files: readonly string[], install: string): void {
  if (!files.every((file) => existsSync(file))) skipByName(test, `install ${install}`);
}
