import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/kernel/root.js';
import { RESULTS } from './results.js';

/**
 * Joins the rows of docs/security-checklist.md with the tests of the last run: row 13 with each title that has
 * `[SEC-13]` in it. Ends with 1 where a row has no test that passed, or a title names no row.
 */
interface Results {
  passed: string[];
  pending: string[];
  failed: string[];
}

const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
const table = readFileSync(join(packageRoot, 'docs', 'security-checklist.md'), 'utf8');
const rows = [...table.matchAll(/^\| ([A-Z]?\d+) \|/gm)].map(([, row]) => row as string);
const rowsOf = (titles: string[]): Set<string> =>
  new Set(
    titles.flatMap((title) => [...title.matchAll(/\[SEC-([^\]]*)\]/g)].map(([, row]) => row as string)),
  );
const passed = rowsOf(results.passed);
const pending = rowsOf(results.pending);
const failed = rowsOf(results.failed);

const problems = [
  ...rows.filter((row, at) => rows.indexOf(row) !== at).map((row) => `two rows are ${row}`),
  ...rows.filter((row) => failed.has(row)).map((row) => `a test of row ${row} failed`),
  ...rows
    .filter((row) => !passed.has(row) && !pending.has(row) && !failed.has(row))
    .map((row) => `no test has [SEC-${row}] in its title`),
  ...[...passed, ...pending, ...failed]
    .filter((row) => !rows.includes(row))
    .map((row) => `there is no row for [SEC-${row}]`),
];
for (const problem of new Set(problems)) console.error(`checklist: ${problem}`);
for (const row of rows.filter((each) => pending.has(each) && !failed.has(each)))
  console.error(`checklist: a test of row ${row} was skipped`);
const proven = rows.filter((row) => passed.has(row) && !failed.has(row));
console.log(`checklist: the tests of ${proven.length} of ${rows.length} rows passed`);
if (problems.length > 0) process.exitCode = 1;
