import { existsSync } from 'node:fs';
import type { Context } from 'mocha';

/** Skips the test, by name and saying what to install, where one of the files of another program is missing. */
export function needsFiles(test: Context, files: readonly string[], install: string): void {
  if (files.every((file) => existsSync(file))) return;
  const { title, parent } = test.currentTest ?? test.test ?? {};
  console.log(`      skipped "${[...(parent?.titlePath() ?? []), title].join(' ')}": install ${install}`);
  test.skip();
}
