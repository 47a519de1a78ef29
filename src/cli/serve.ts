import { Command } from 'commander';
import type { Config } from '../config.js';
import type { FirstSecrets, Home } from '../first-start.js';
import { endsWithin } from '../kernel/ends-within.js';
import type { Gatehouse } from '../main.js';
import type { Run } from './io.js';
import { EXIT } from './output.js';

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
function welcome(config: Config, { made }: Home, outbox: readonly string[]): string {
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
    ...outbox,
    '',
    '',
  );
  return out.join('\n');
}

/** Where a person reads what was not sent. The link is promised only where it opens something. */
const messageLines = (link: string | undefined): string[] =>
  link === undefined
    ? [
        '  Messages      mail and SMS that were not sent are lines of the log',
        '                (/dev/outbox is not shown through a proxy: it needs an issuer that is this server’s own http address)',
      ]
    : [
        `  Messages      ${link}`,
        '                (mail and SMS that were not sent; open this link in a browser on this machine)',
      ];

/** How long the end waits for a reader of the log that does not keep up. */
const LAST_LINES_MS = 5000;

/** Serves until a signal asks it to stop, then lets the work end in order. */
async function untilStopped(run: Run, { context: { log }, stop }: Gatehouse): Promise<void> {
  const signal = await run.stopSignal();
  log.info({ signal }, 'stopping');
  try {
    await stop();
  } catch (err) {
    log.error({ err }, 'stopping failed');
    run.exitCode = EXIT.failed;
  }
  const written = new Promise<void>((resolve) => log.flush(() => resolve()));
  if (!(await endsWithin(LAST_LINES_MS, written))) run.abandon();
}

/** Starts the server, and says what its first start has made. */
async function startServer(run: Run, config: Config, migrations: boolean, json: boolean): Promise<Gatehouse> {
  const { start } = await import('../main.js');
  let made: FirstSecrets | undefined;
  try {
    return await start(config, {
      migrations,
      announce: (line) => void run.stderr.write(`  ${line}\n`),
      made(secrets) {
        made = secrets;
        if (!json) run.stderr.write(firstSecrets(config, secrets));
      },
    });
  } catch (error) {
    // A script reads one line, when all is ready; where it never is, this one says what was made.
    if (json && made) run.stderr.write(`${JSON.stringify({ ready: false, ...made })}\n`);
    throw error;
  }
}

/** Says that the server is ready, and what a person or a script needs to go on. */
async function sayReady(run: Run, config: Config, gatehouse: Gatehouse, json: boolean): Promise<void> {
  const { port, home, screen } = gatehouse;
  const { issuer } = config;
  const { isForDevelopment } = await import('../config.js');
  const { isOwnAddress, outboxLink } = await import('../dev-outbox.js');
  const isShown = isForDevelopment(config, issuer);
  const outbox = isShown && isOwnAddress(issuer, port) ? outboxLink(issuer, screen) : undefined;
  const ready = {
    ...{ ready: true, issuer, port },
    ...(outbox !== undefined && { outbox }),
    ...home.made,
  };
  run.stderr.write(
    json ? `${JSON.stringify(ready)}\n` : welcome(config, home, isShown ? messageLines(outbox) : []),
  );
}

export function serveCommand(run: Run): Command {
  return new Command('serve')
    .description(
      'Start the server. The first start makes the store, the keys, an administrator and a management client.',
    )
    .option('--no-migrate', 'do not change the schema; end with 1 if it does not fit')
    .option('--json', 'say in JSON, on standard error, that it is ready, and what the first start made')
    .action(async ({ migrate, json = false }: { migrate: boolean; json?: boolean }) => {
      const { loadConfig } = await import('../config.js');
      const config = loadConfig(run.env, run.cwd);
      const gatehouse = await startServer(run, config, migrate, json);
      const stopped = untilStopped(run, gatehouse);
      await sayReady(run, config, gatehouse, json);
      await stopped;
    });
}
