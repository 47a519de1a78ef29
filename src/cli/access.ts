import { Command } from 'commander';
import { NotFound } from '../kernel/errors.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table, time } from './output.js';
import { change, inTenant, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
}

/** Where people are signed in. */
export function sessionCommand(run: Run): Command {
  const command = new Command('session').description('Where a user is signed in.');
  inTenant(command.command('list <user-name>')).action((name: string, { tenant, json = false }: Options) =>
    withContext(run, async (context) => {
      const { listSessions } = await import('../oidc/sessions.js');
      const { findUser } = await import('../users/store.js');
      const db = await tenantDbOf(context, tenant);
      const sessions = await listSessions(db, (await findUser(db, name)).userKey);
      print(
        run,
        json,
        sessions,
        table([
          ['SESSION', 'SIGNED IN', 'ENDS UNLESS USED', 'APPLICATIONS'],
          ...sessions.map(({ uid, signedInAt, expiresAt, clients }) => [
            uid,
            time(signedInAt),
            time(expiresAt),
            clients.join(', '),
          ]),
        ]),
      );
    }),
  );
  inTenant(command.command('end <user-name> [session]'))
    // Ids of sessions may begin with a hyphen.
    .allowUnknownOption()
    .helpOption('--help')
    .description('Sign a user out, of one session or of all. Applications hear of it by their back channel.')
    .action((name: string, uid: string | undefined, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { longestLife } = await import('../config.js');
        const { endSessions } = await import('../oidc/sessions.js');
        const { findUser } = await import('../users/store.js');
        const owner = await tenantOf(context, tenant);
        const longest = longestLife(context.config);
        const ended = await change(context, owner, 'session.end', uid ?? name, async (db) => {
          const count = await endSessions(db, (await findUser(db, name)).userKey, { uid }, longest);
          if (count === 0 && uid !== undefined)
            throw new NotFound(
              'session',
              `"${name}" has no session "${uid}"; gatehouse session list has them`,
            );
          return count;
        });
        print(run, json, { ended }, [`ended ${ended}`]);
        sayEnding(run, json, 'session end');
      }),
    );
  return command;
}

/** What people allow applications. */
export function grantCommand(run: Run): Command {
  const command = new Command('grant').description('What a user allows applications.');
  inTenant(command.command('list <user-name>')).action((name: string, { tenant, json = false }: Options) =>
    withContext(run, async (context) => {
      const { listGrants } = await import('../oidc/sessions.js');
      const { findUser } = await import('../users/store.js');
      const db = await tenantDbOf(context, tenant);
      const grants = await listGrants(db, (await findUser(db, name)).userKey);
      print(
        run,
        json,
        grants,
        table([
          ['APPLICATION', 'SINCE', 'SCOPES'],
          ...grants.map(({ clientId, allowedAt, scopes }) => [clientId, time(allowedAt), scopes.join(' ')]),
        ]),
      );
    }),
  );
  inTenant(command.command('end <user-name> <client-id>'))
    .description('Take back what a user allowed an application; every token of it ends.')
    .action((name: string, clientId: string, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { endGrants } = await import('../oidc/sessions.js');
        const { findUser } = await import('../users/store.js');
        const owner = await tenantOf(context, tenant);
        const ended = await change(context, owner, 'grant.end', `${name} ${clientId}`, async (db) => {
          const count = await endGrants(db, (await findUser(db, name)).userKey, clientId);
          if (count === 0)
            throw new NotFound(
              'grant',
              `"${name}" allows "${clientId}" nothing; gatehouse grant list has what there is`,
            );
          return count;
        });
        print(run, json, { ended }, [`ended ${ended}`]);
        sayEnding(run, json, 'grant end');
      }),
    );
  return command;
}
