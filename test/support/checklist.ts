import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/kernel/root.js';
import { RESULTS } from './results.js';

/** Looks up each test that docs/security-checklist.md names among those of the last run; ends with 1 where one did not pass. */
interface Results {
  passed: string[];
  pending: string[];
}

const { passed, pending } = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
const table = readFileSync(join(packageRoot, 'docs', 'security-checklist.md'), 'utf8');
const named = table
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .flatMap((line) =>
    [...line.slice(line.lastIndexOf('| `') + 1).matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
  );
const missing = named.filter((name) => !passed.includes(name) && !pending.includes(name));
for (const name of missing) console.error(`checklist: no such test passed: ${name}`);
for (const name of named.filter((each) => pending.includes(each)))
  console.error(`checklist: skipped: ${name}`);
console.log(`checklist: ${named.length - missing.length} of ${named.length} named tests passed`);
if (missing.length > 0) process.exitCode = 1;
