import { Command } from 'commander';
import {
  endAllRegistrations,
  endInitialToken,
  endRegistrationAccess,
  listRegistrations,
} from '../clients/index.js';
import { Invalid } from '../kernel/errors.js';
import { tenantDb, type TenantDb } from '../store/index.js';
import { print, table, time } from './output.js';
import { change, inTenant, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  initial?: string;
  client?: string;
  all?: boolean;
}

/** What is to end, and how many tokens that was. @throws Invalid, NotFound */
async function end(db: TenantDb, { initial, client, all }: Options): Promise<number> {
  if (all) return endAllRegistrations(db);
  if (initial !== undefined) await endInitialToken(db, initial);
  else if (client !== undefined) await endRegistrationAccess(db, client);
  else throw new Invalid('registration', 'give --initial <id>, --client <client-id> or --all');
  return 1;
}

export function registrationCommand(): Command {
  const command = new Command('registration').description(
    'Tokens of dynamic registration: those that open it, and those that registered clients are changed with.',
  );
  inTenant(command.command('list')).action(({ tenant, json = false }: Options) =>
    withContext(async (context) => {
      const { id } = await tenantOf(context, tenant);
      const found = await listRegistrations(tenantDb(context.store.knex, id));
      print(
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
      withContext(async (context) => {
        const owner = await tenantOf(context, options.tenant);
        const target = options.initial ?? options.client ?? 'all';
        const ended = await change(context, owner, 'registration.end', target, (db) => end(db, options));
        print(options.json ?? false, { ended }, [`ended ${ended}`]);
      }),
    );
  return command;
}
