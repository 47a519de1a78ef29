import { Command, Option } from 'commander';
import { GRANT_TYPES } from '../clients/grant-types.js';
import type { Client, ClientSettings } from '../clients/index.js';
import { Invalid } from '../kernel/errors.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table, time } from './output.js';
import { change, inTenant, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  name?: string;
  grant: (keyof typeof GRANT_TYPES)[];
  redirectUri?: string[];
  postLogoutRedirectUri?: string[];
  scope?: string[];
  clientUri?: string;
  public?: boolean;
  native?: boolean;
  settings?: string;
  consent: boolean;
  replace?: boolean;
  list?: boolean;
  revoke?: string;
  endTokens?: boolean;
}

/** @throws Invalid */
function readSettings(text = '{}'): Partial<ClientSettings> {
  try {
    // eslint-disable-next-line no-restricted-properties -- its error is dropped here; nothing is loaded for it
    const settings = JSON.parse(text) as unknown;
    if (settings !== null && typeof settings === 'object' && !Array.isArray(settings)) return settings;
  } catch {
    // said below
  }
  throw new Invalid('settings', 'must be one JSON object');
}

/** A client without the hashes of its secrets. */
const shown = ({ secrets, ...client }: Client): object => ({
  ...client,
  secrets: secrets.map(({ id, hint, expiresAt }) => ({ id, hint, expiresAt })),
});

const lines = (client: Client, secret?: string): string[] =>
  table([
    ['client id', client.clientId],
    ['name', client.clientName],
    ['status', client.enabled ? 'enabled' : 'disabled'],
    ['grants', client.settings.grantTypes.join(' ')],
    ['redirect URIs', client.settings.redirectUris.join(' ') || '-'],
    [
      'scopes',
      client.settings.scopes.length > 12
        ? `${client.settings.scopes.length} (see --json)`
        : client.settings.scopes.join(' '),
    ],
    ['secrets', client.secrets.map(({ hint }) => hint).join(' ') || '-'],
    ['created', time(client.createdAt)],
    ...(secret === undefined ? [] : [['secret', `${secret}   (shown this once)`]]),
  ]);

export function clientCommand(run: Run): Command {
  const command = new Command('client').description('Applications that ask for tokens.');
  inTenant(command.command('list')).action(({ tenant, json = false }: Options) =>
    withContext(run, async (context) => {
      const { listClients } = await import('../clients/store.js');
      const clients = await listClients(await tenantDbOf(context, tenant));
      print(
        run,
        json,
        clients.map(shown),
        table([
          ['CLIENT ID', 'NAME', 'STATUS', 'GRANTS'],
          ...clients.map((client) => [
            client.clientId,
            client.clientName,
            client.enabled ? 'enabled' : 'disabled',
            client.settings.grantTypes.join(' '),
          ]),
        ]),
      );
    }),
  );
  inTenant(command.command('create <client-id>'))
    .description('Register an application. A confidential one gets a secret that is shown once.')
    .option('--name <name>', 'what people see on the consent page')
    .addOption(
      new Option('--grant <grant...>', 'the grants that it may use')
        .choices(Object.keys(GRANT_TYPES))
        .makeOptionMandatory(),
    )
    .option('--redirect-uri <uri...>', 'where codes may be sent; compared exactly')
    .option('--post-logout-redirect-uri <uri...>', 'where people may be sent after signing out')
    .option('--scope <scope...>', 'every scope that it may ask for')
    .option('--client-uri <uri>', "the application's home page")
    .option('--public', 'it has no secret: a single-page or native application')
    .option('--native', 'a native application: private-use schemes and loopback ports')
    .option('--settings <json>', 'more settings, or others, as a JSON object (docs/clients.md)')
    .option('--no-consent', 'a first-party application: people are not asked')
    .addHelpText(
      'after',
      `
Examples:
  gatehouse client create my-app --grant code refresh --redirect-uri https://app.example.com/callback \\
      --scope openid profile email offline_access --public
  gatehouse client create nightly-job --grant clientCredentials --scope isms.user.get`,
    )
    .action((clientId: string, options: Options) =>
      withContext(run, async (context) => {
        const { reservedAudiences } = await import('../clients/schema.js');
        const { addClientSecret, findClient, insertClient } = await import('../clients/store.js');
        const { checkReach } = await import('../clients/rules.js');
        const { clientSettings, hasSecrets } = await import('../clients/schema.js');
        const { reachOfTenant } = await import('../outbound-reach.js');
        const tenant = await tenantOf(context, options.tenant);
        const settings = clientSettings({
          applicationType: options.native ? 'native' : 'web',
          grantTypes: options.grant.map((name) => GRANT_TYPES[name]),
          redirectUris: options.redirectUri ?? [],
          postLogoutRedirectUris: options.postLogoutRedirectUri ?? [],
          scopes: options.scope ?? [],
          tokenEndpointAuthMethod: options.public ? 'none' : 'client_secret_basic',
          requireConsent: options.consent,
          ...(options.clientUri !== undefined && { clientUri: options.clientUri }),
          ...readSettings(options.settings),
        });
        checkReach(settings, undefined, reachOfTenant(context.config, tenant));
        const { client, secret } = await change(context, tenant, 'client.create', clientId, async (db) => {
          const client = { clientId, clientName: options.name ?? clientId, settings };
          await insertClient(
            db,
            client,
            reservedAudiences(() => context.config.mqtt.audience),
          );
          const secret = hasSecrets(settings.tokenEndpointAuthMethod)
            ? await addClientSecret(db, context.vault, clientId)
            : undefined;
          return { client: await findClient(db, clientId), secret };
        });
        print(
          run,
          options.json ?? false,
          { ...shown(client), ...(secret !== undefined && { secret }) },
          lines(client, secret),
        );
      }),
    );
  inTenant(command.command('show <client-id>')).action(
    (clientId: string, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { findClient } = await import('../clients/store.js');
        const client = await findClient(await tenantDbOf(context, tenant), clientId);
        print(run, json, shown(client), lines(client));
      }),
  );
  for (const verb of ['disable', 'enable'] as const)
    inTenant(command.command(`${verb} <client-id>`))
      .description(verb === 'disable' ? 'Refuse everything that it asks for.' : 'Let it ask again.')
      .action((clientId: string, { tenant, json = false }: Options) =>
        withContext(run, async (context) => {
          const { findClient, setClientEnabled } = await import('../clients/store.js');
          const owner = await tenantOf(context, tenant);
          const client = await change(context, owner, `client.${verb}`, clientId, async (db) => {
            await setClientEnabled(db, clientId, verb === 'enable');
            return findClient(db, clientId);
          });
          print(run, json, shown(client), lines(client));
          if (verb === 'disable') sayEnding(run, json, 'client disable');
        }),
      );
  secretCommand(command, run);
  return command;
}

const secretLines = ({ secrets }: Client): string[] =>
  table([
    ['SECRET', 'BEGINS', 'DESCRIPTION', 'SINCE', 'UNTIL'],
    ...secrets.map(({ id, hint, description, createdAt, expiresAt }) => [
      id,
      hint,
      description ?? '-',
      time(createdAt),
      time(expiresAt),
    ]),
  ]);

function secretCommand(command: Command, run: Run): void {
  inTenant(command.command('secret <client-id>'))
    .description('Give it one more secret, shown once. Several may be live, so that one can be rotated.')
    .option('--replace', 'end the others at once')
    .addOption(
      new Option('--list', 'show which there are instead, by their ids').conflicts([
        'replace',
        'revoke',
        'endTokens',
      ]),
    )
    .addOption(new Option('--revoke <secret-id>', 'end this one instead').conflicts('replace'))
    .option(
      '--end-tokens',
      'end every token that the client has been given so far; alone, it makes no secret, and works for public clients too',
    )
    .action((clientId: string, options: Options) =>
      withContext(run, async (context) => {
        const { tenant, json = false, replace = false, list = false, revoke, endTokens = false } = options;
        const { addClientSecret, endTokensOfClient, findClient, revokeClientSecret } =
          await import('../clients/store.js');
        const owner = await tenantOf(context, tenant);
        const read = async (): Promise<Client> => findClient(await tenantDbOf(context, tenant), clientId);
        if (list) {
          const client = await read();
          return print(run, json, shown(client), secretLines(client));
        }
        const tokensOnly = endTokens && !replace && revoke === undefined;
        const event = tokensOnly
          ? 'client.end-tokens'
          : revoke === undefined
            ? 'client.secret'
            : 'client.revoke-secret';
        const secret = await change(context, owner, event, clientId, async (db) => {
          if (endTokens) await endTokensOfClient(db, clientId);
          if (tokensOnly) return undefined;
          if (revoke === undefined) return addClientSecret(db, context.vault, clientId, { replace });
          return revokeClientSecret(db, clientId, revoke);
        });
        const ends = `every token and code that ${clientId} has been given so far`;
        if (endTokens) sayEnding(run, json, 'client secret --end-tokens');
        else if (revoke !== undefined) sayEnding(run, json, 'client secret --revoke');
        else if (replace) sayEnding(run, json, 'client secret --replace');
        const also = endTokens && { ends: [ends] };
        if (secret !== undefined) return print(run, json, { clientId, secret, ...also }, [secret]);
        if (tokensOnly) return print(run, json, { clientId, ...also }, [`ended ${ends}`]);
        const client = await read();
        const lines = [...secretLines(client), ...(endTokens ? [`ended ${ends}`] : [])];
        return print(run, json, { ...shown(client), ...also }, lines);
      }),
    );
}
