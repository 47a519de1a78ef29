import { Command } from 'commander';
import { Invalid } from '../kernel/errors.js';
import type { TenantDb } from '../store/index.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table, time } from './output.js';
import { change, inTenant, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  initial?: string;
  client?: string;
  all?: boolean;
}

/** Tokens that have ended: ids of those that open registration, and the clients whose registration access token it was. */
interface Ended {
  initial: string[];
  clients: string[];
}

/** Ends what is named, and answers what that was. @throws Invalid, NotFound */
async function end(db: TenantDb, { initial, client, all }: Options): Promise<Ended> {
  const { endAllRegistrations, endInitialToken, endRegistrationAccess, listRegistrations } =
    await import('../clients/registration-access.js');
  if (all) {
    const found = await listRegistrations(db);
    await endAllRegistrations(db);
    return { initial: found.initial.map(({ id }) => id), clients: found.clients };
  }
  if (initial !== undefined) {
    await endInitialToken(db, initial);
    return { initial: [initial], clients: [] };
  }
  if (client === undefined)
    throw new Invalid('registration', 'give --initial <id>, --client <client-id> or --all');
  await endRegistrationAccess(db, client);
  return { initial: [], clients: [client] };
}

const endedLines = ({ initial, clients }: Ended): string[] => [
  `ended tokens that open registration: ${initial.join(' ') || 'none'}`,
  `ended registration access tokens of clients: ${clients.join(' ') || 'none'}`,
];

export function registrationCommand(run: Run): Command {
  const command = new Command('registration').description(
    'Tokens of dynamic registration: those that open it, and those that registered clients are changed with.',
  );
  inTenant(command.command('list')).action(({ tenant, json = false }: Options) =>
    withContext(run, async (context) => {
      const { listRegistrations } = await import('../clients/registration-access.js');
      const found = await listRegistrations(await tenantDbOf(context, tenant));
      print(
        run,
        json,
        found,
        table([
          ['TOKEN', 'OF', 'USES LEFT', 'UNTIL'],
          ...found.initial.map(({ id: which, description, uses, expiresAt }) => [
            which,
            description ?? '-',
            String(uses),
            time(expiresAt),
          ]),
          ...found.clients.map((clientId) => ['registration access', clientId, '-', '-']),
        ]),
      );
    }),
  );
  inTenant(command.command('end'))
    .description('End tokens. Clients that have registered stay; gatehouse client disable ends them.')
    .option('--initial <id>', 'one token that opens registration')
    .option('--client <client-id>', 'the token that this client is changed with')
    .option('--all', 'every token of both kinds')
    .action((options: Options) =>
      withContext(run, async (context) => {
        const owner = await tenantOf(context, options.tenant);
        const target = options.initial ?? options.client ?? 'all';
        const ended = await change(context, owner, 'registration.end', target, (db) => end(db, options));
        print(run, options.json ?? false, { ended }, endedLines(ended));
        sayEnding(run, options.json ?? false, 'registration end');
      }),
    );
  return command;
}
