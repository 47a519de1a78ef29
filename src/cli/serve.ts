import { Command } from 'commander';
import { isForDevelopment, loadConfig, type Config } from '../config.js';
import type { FirstSecrets, Home } from '../first-start.js';
import { endsWithin } from '../kernel/ends-within.js';
import type { Gatehouse } from '../main.js';
import type { Log } from '../observe/index.js';

const shell = (text: string): string =>
  /^[A-Za-z0-9_./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** What the first start has made. A value that the environment gave is named, not told. */
const firstSecrets = ({ admin, client, mqtt }: Config, made: FirstSecrets): string =>
  [
    '',
    '  Made on this first start, and shown only now:',
    `    administrator      ${admin.user}`,
    `    password           ${made.adminPassword ?? '(from GATEHOUSE_ADMIN_PASSWORD)'}`,
    `    management client  ${client.id}`,
    `    client secret      ${made.clientSecret ?? '(from GATEHOUSE_CLIENT_SECRET)'}`,
    `    MQTT app           ${mqtt.appId}`,
    `    app secret         ${made.mqttAppSecret ?? '(from GATEHOUSE_MQTT_APP_SECRET)'}`,
    '',
  ].join('\n');

/**
 * What a person needs to go on. It goes to the terminal (standard error), not through the log, and secrets are in it on
 * the first start only. A value that the environment gave is named, not told.
 */
function welcome(config: Config, { made }: Home, outbox: string | undefined): string {
  const { issuer } = config;
  const out: string[] = ['', `  Gatehouse is ready at ${issuer}`, ''];
  if (made) {
    const secret = made.clientSecret === undefined ? '"$GATEHOUSE_CLIENT_SECRET"' : made.clientSecret;
    const password = made.adminPassword === undefined ? '"$GATEHOUSE_ADMIN_PASSWORD"' : made.adminPassword;
    out.push(
      '  A token for a program, and one for a person:',
      `    curl ${issuer}/connect/token -u ${shell(config.client.id)}:${secret} -d grant_type=client_credentials -d scope=isms.user.get`,
      `    curl ${issuer}/connect/token -u ${shell(config.client.id)}:${secret} -d grant_type=password --data-urlencode username=${shell(config.admin.user)} --data-urlencode password=${password} -d 'scope=openid profile isms.user.get'`,
      '',
    );
  }
  out.push(
    ...(config.demo ? [`  Sign-in page  ${issuer}/sign-in`, `  Demo          ${issuer}/demo`] : []),
    `  Management    ${issuer}/docs`,
    `  Account       ${issuer}/account`,
    `  Discovery     ${issuer}/.well-known/openid-configuration`,
    ...(outbox !== undefined
      ? [
          `  Messages      ${outbox}`,
          '                (mail and SMS that were not sent; open this link in your browser)',
        ]
      : []),
    '',
    '',
  );
  return out.join('\n');
}

const announce = (line: string): void => void process.stderr.write(`  ${line}\n`);

/** How long the end waits for a reader of the log that does not keep up. */
const LAST_LINES_MS = 5000;

/** Ends the process when the log is written, or without its last lines where nobody reads them. */
async function end(log: Log, code: number): Promise<void> {
  const written = new Promise<void>((resolve) => log.flush(() => resolve()));
  if (await endsWithin(LAST_LINES_MS, written)) process.exit(code);
  // An ordinary exit writes what is left first, and would wait for the reader for ever.
  process.kill(process.pid, 'SIGKILL');
}

/** The first signal lets the work end in order; the second ends the process at once, as if it had no handler. */
function stopOnSignals({ context: { log }, stop }: Gatehouse): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      return;
    }
    stopping = true;
    log.info({ signal }, 'stopping');
    void stop().then(
      () => end(log, 0),
      (err: unknown) => {
        log.error({ err }, 'stopping failed');
        return end(log, 1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Start the server. The first start makes the store, the keys, an administrator and a management client.',
    )
    .option('--no-migrate', 'do not change the schema; end with 1 if it does not fit')
    .option('--json', 'say in JSON, on standard error, that it is ready, and what the first start made')
    .action(async ({ migrate, json = false }: { migrate: boolean; json?: boolean }) => {
      const config = loadConfig();
      const { start } = await import('../main.js'); // the other commands do without the server's libraries
      let made: FirstSecrets | undefined;
      const gatehouse = await start(config, {
        migrations: migrate,
        announce,
        made: (secrets) => {
          made = secrets;
          if (!json) process.stderr.write(firstSecrets(config, secrets));
        },
      }).catch((error: unknown) => {
        // A script reads one line, when all is ready; where it never is, this one says what was made.
        if (json && made) process.stderr.write(`${JSON.stringify({ ready: false, ...made })}\n`);
        throw error;
      });
      stopOnSignals(gatehouse);
      const { port, home, screen } = gatehouse;
      const { issuer } = config;
      const { outboxLink } = await import('../dev-outbox.js');
      const outbox = isForDevelopment(config, issuer) ? outboxLink(issuer, screen) : undefined;
      const ready = {
        ...{ ready: true, issuer, port },
        ...(outbox !== undefined && { outbox }),
        ...home.made,
      };
      process.stderr.write(json ? `${JSON.stringify(ready)}\n` : welcome(config, home, outbox));
    });
}
