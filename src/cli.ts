#!/usr/bin/env node
import type { Io } from './cli/io.js';
import { run } from './cli/run.js';

/** The first signal lets the work end in order; the second ends the process at once, as if it had no handler. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) {
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      }
      stopping = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

const io: Io = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stopSignal,
  // An ordinary exit writes what is left first, and would wait for the reader for ever.
  abandon: () => process.kill(process.pid, 'SIGKILL'),
};

process.exitCode = await run(process.argv.slice(2), io);

/** Nothing is left of a command by now, and the process ends. Of a server there may be jobs that did not end in time. */
const LEFT_MS = 1000;
setTimeout(() => process.exit(), LEFT_MS).unref();
