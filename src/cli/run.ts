import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../kernel/root.js';
import { grantCommand, sessionCommand } from './access.js';
import { clientCommand } from './client.js';
import { doctorCommand } from './doctor.js';
import { gatewayCommand } from './gateway.js';
import type { Io, Output, Run } from './io.js';
import { keysCommand } from './keys.js';
import { migrateCommand } from './migrate.js';
import { mqttAppCommand } from './mqtt-app.js';
import { mqttCommand } from './mqtt.js';
import { namesIn } from './option-names.js';
import { EXIT, EXIT_HELP, explain } from './output.js';
import { registrationCommand } from './registration.js';
import { sdkCommand } from './sdk.js';
import { serveCommand } from './serve.js';
import { tenantCommand } from './tenant.js';
import { userCommand } from './user.js';

const version = (): string =>
  // eslint-disable-next-line no-restricted-properties -- our own file; nothing is loaded for it
  (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;

const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];

/** The whole command line. It declares the commands; the product's modules are loaded by the action of the one that runs. */
function programFor(run: Run): Command {
  const program = new Command('gatehouse')
    .description('An identity centre: OpenID Connect provider, management API and MQTT credentials.')
    .version(version())
    .addHelpText('after', EXIT_HELP)
    .addCommand(serveCommand(run))
    .addCommand(migrateCommand(run))
    .addCommand(tenantCommand(run))
    .addCommand(userCommand(run))
    .addCommand(clientCommand(run))
    .addCommand(registrationCommand(run))
    .addCommand(sessionCommand(run))
    .addCommand(grantCommand(run))
    .addCommand(mqttAppCommand(run))
    .addCommand(mqttCommand(run))
    .addCommand(gatewayCommand(run))
    .addCommand(sdkCommand(run))
    .addCommand(keysCommand(run))
    .addCommand(doctorCommand(run));
  for (const command of all(program))
    command
      .exitOverride()
      .showHelpAfterError('(add --help for what it takes)')
      .configureOutput(outputOf(run));
  return program;
}

/** What commander writes, and how wide its help may be. */
const outputOf = ({ stdout, stderr }: Io) => ({
  writeOut: (text: string) => void stdout.write(text),
  writeErr: (text: string) => void stderr.write(text),
  getOutHelpWidth: () => widthOf(stdout),
  getErrHelpWidth: () => widthOf(stderr),
});

const DEFAULT_WIDTH = 80;
const widthOf = ({ isTTY, columns }: Output): number => (isTTY && columns) || DEFAULT_WIDTH;

/**
 * Runs one command.
 * @param argv what follows the program's name.
 * @returns the exit code, when the command is done and what it opened is closed. Ends nothing itself.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const output = watch(io.stdout);
  const errors = watch(io.stderr);
  const code = await outcome(argv, { ...io, exitCode: EXIT.done });
  const problem = await output.problem();
  // The reader that closed the pipe needs no message.
  if (problem && problem.code !== 'EPIPE')
    io.stderr.write(`gatehouse: standard output can not be written (${problem.code ?? problem.message})\n`);
  await errors.problem();
  return problem && code === EXIT.done ? EXIT.failed : code;
}

async function outcome(argv: readonly string[], run: Run): Promise<number> {
  let started: Command | undefined;
  try {
    await programFor(run)
      .hook('preAction', (_program, command) => void (started = command))
      .parseAsync(argv, { from: 'user' });
    return run.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return explain(run, error, namesIn(started));
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

/** Hears what goes wrong with a stream, which would end the process otherwise. */
function watch(stream: Output): { problem(): Promise<NodeJS.ErrnoException | undefined> } {
  let problem: NodeJS.ErrnoException | undefined;
  const hear = (error: NodeJS.ErrnoException): void => {
    problem ??= error;
  };
  stream.on('error', hear);
  return {
    async problem() {
      // What was written before is written by then, or has failed; the event comes a moment after the failure.
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      await setImmediate();
      stream.off('error', hear);
      return problem;
    },
  };
}
