#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { grantCommand, sessionCommand } from './cli/access.js';
import { clientCommand } from './cli/client.js';
import { doctorCommand } from './cli/doctor.js';
import { keysCommand } from './cli/keys.js';
import { migrateCommand } from './cli/migrate.js';
import { EXIT, EXIT_HELP, explain } from './cli/output.js';
import { mqttCommand } from './cli/mqtt.js';
import { mqttAppCommand } from './cli/mqtt-app.js';
import { registrationCommand } from './cli/registration.js';
import { serveCommand } from './cli/serve.js';
import { tenantCommand } from './cli/tenant.js';
import { userCommand } from './cli/user.js';
import { packageRoot } from './kernel/root.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('gatehouse')
  .description('An identity centre: OpenID Connect provider, management API and MQTT credentials.')
  .version(version)
  .addHelpText('after', EXIT_HELP)
  .addCommand(serveCommand())
  .addCommand(migrateCommand())
  .addCommand(tenantCommand())
  .addCommand(userCommand())
  .addCommand(clientCommand())
  .addCommand(registrationCommand())
  .addCommand(sessionCommand())
  .addCommand(grantCommand())
  .addCommand(mqttAppCommand())
  .addCommand(mqttCommand())
  .addCommand(keysCommand())
  .addCommand(doctorCommand());

let staysUp = false;
program.hook('postAction', (_program, command) => {
  staysUp = command.name() === 'serve';
});

const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
for (const command of all(program))
  command.exitOverride().showHelpAfterError('(add --help for what it takes)');

try {
  await program.parseAsync();
  // A command that is done ends here, without waiting for what the driver's objects do when the process is taken down.
  if (!staysUp) process.exit();
} catch (error) {
  process.exit(
    error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.done : EXIT.usage) : explain(error),
  );
}
