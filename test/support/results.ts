import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { packageRoot } from '../../src/kernel/root.js';

/** Where a run of the tests writes which passed: a file of this checkout's own. */
export const RESULTS = join(
  tmpdir(),
  `gatehouse-tests-${createHash('sha256').update(packageRoot).digest('hex').slice(0, 12)}.json`,
);
