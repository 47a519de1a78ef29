import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * What is read of a connection is garbage as soon as it is sent. By itself V8 collects such buffers when 32 MB of them have
 * gathered, whatever its flags say of young objects. Collecting the young ones takes less than a millisecond.
 */
const COLLECT_BYTES = 16 * 1024 * 1024;

type Collect = (options: { type: 'minor'; execution: 'sync' }) => void;

function openCollect(): Collect {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return collect;
}

let collect: Collect | undefined;
let passed = 0;

/** Counts what is passed on of bodies, in bytes, and collects it now and then. */
export function countPassed(bytes: number): void {
  passed += bytes;
  if (passed < COLLECT_BYTES) return;
  passed = 0;
  collect ??= openCollect();
  collect({ type: 'minor', execution: 'sync' });
}
