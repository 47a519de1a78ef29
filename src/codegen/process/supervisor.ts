import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a tool in its own process group, which the server made, and ends the group when the server is gone. The tool itself could
 * not see that while it computes. Its exit status is the tool's, or 128 and the number of the signal as in a shell.
 */
const [command = '', ...args] = process.argv.slice(2);

const endGroup = (): void => void process.kill(-process.pid, 'SIGKILL');

process.on('disconnect', endGroup);
const tool = spawn(command, args, { stdio: 'inherit', shell: false });
tool.on('error', ({ message }) => {
  process.stderr.write(`${message}\n`);
  process.exit(127);
});
tool.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
