import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import type { TenantDb } from '../store/index.js';
import type { NewUser, User } from '../users/index.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table, time } from './output.js';
import { change, inTenant, readSecret, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  take: string;
  passwordStdin?: boolean;
  email?: string;
  phone?: string;
  countryCode?: string;
  nickName?: string;
  role?: string[];
  administrator?: boolean;
}

const lines = (user: User, password?: string): string[] =>
  table([
    ['user name', user.userName],
    ['sub', user.userKey],
    ['e-mail', user.email ?? '-'],
    ['phone', user.phoneNumber ?? '-'],
    ['status', user.enabled ? 'enabled' : 'disabled'],
    ['created', time(user.createdAt)],
    ['last sign-in', time(user.lastLoginAt)],
    ...(password === undefined ? [] : [['password', `${password}   (shown this once)`]]),
  ]);

/** What a script is shown of a user: no more than of a person asking. */
const shown = ({ claims: _claims, ...user }: User): Partial<User> =>
  Object.fromEntries(Object.entries(user).filter(([key]) => key !== 'passwordHash'));

/** The password from standard input, else a new one that is shown once. */
async function choosePassword(
  run: Run,
  fromStdin: boolean | undefined,
): Promise<{ password: string; show: string | undefined }> {
  if (fromStdin) return { password: await readSecret(run), show: undefined };
  const password = randomBytes(12).toString('base64url');
  return { password, show: password };
}

/**
 * A user who may do everything, whatever is left of the tenant's roles: with a role that holds `isms.all`, else with that
 * permission as a claim of their own.
 */
async function asAdministrator(db: TenantDb, user: NewUser): Promise<NewUser> {
  const { rolesWithEverything } = await import('../roles/index.js');
  const [role] = await rolesWithEverything(db);
  return role === undefined
    ? { ...user, claims: [{ type: 'permission', value: 'isms.all' }] }
    : { ...user, roles: [...(user.roles ?? []), role] };
}

export function userCommand(run: Run): Command {
  const command = new Command('user').description('People who sign in.');
  inTenant(command.command('list'))
    .option('--take <number>', 'how many at the most', '100')
    .action(({ tenant, json = false, take }: Options) =>
      withContext(run, async (context) => {
        const { listUsers } = await import('../users/store.js');
        const users = await listUsers(await tenantDbOf(context, tenant), Math.max(1, Number(take) || 100));
        print(
          run,
          json,
          users.map(shown),
          table([
            ['USER NAME', 'E-MAIL', 'STATUS', 'SUB'],
            ...users.map((user) => [
              user.userName,
              user.email ?? '-',
              user.enabled ? 'enabled' : 'disabled',
              user.userKey,
            ]),
          ]),
        );
      }),
    );
  inTenant(command.command('create <user-name>'))
    .description('Make a user, with a new password that is shown once, or one from standard input.')
    .option('--email <address>')
    .option('--phone <number>', 'international (+86…), or national with --country-code')
    .option('--country-code <digits>', 'such as 86')
    .option('--nick-name <name>')
    .option('--role <name...>', 'roles of the tenant; the one for newcomers, where nothing is said')
    .option('--administrator', 'an administrator of the tenant, who may do everything: the way back in')
    .option('--password-stdin', 'read the password from standard input')
    .action((userName: string, options: Options) =>
      withContext(run, async (context) => {
        const { builtInRoles } = await import('../roles/index.js');
        const { openPasswords } = await import('../users/passwords.js');
        const { namesOf } = await import('../users/schema.js');
        const { insertUser } = await import('../users/store.js');
        const tenant = await tenantOf(context, options.tenant);
        const { password, show } = await choosePassword(run, options.passwordStdin);
        const wanted: NewUser = {
          userName,
          email: options.email,
          phoneNumber: options.phone,
          countryCode: options.countryCode,
          nickName: options.nickName,
        };
        const passwords = openPasswords(context.config.passwords);
        const hash = await passwords.hash(password, [tenant.name, ...namesOf(wanted)]);
        const user = await change(context, tenant, 'user.create', userName, async (db) => {
          if (options.administrator)
            return insertUser(db, await asAdministrator(db, { ...wanted, roles: options.role }), hash);
          const roles = options.role ?? (await builtInRoles(db, ['user'])).map(({ id }) => id);
          return insertUser(db, { ...wanted, roles }, hash);
        });
        print(
          run,
          options.json ?? false,
          { ...shown(user), ...(show !== undefined && { password: show }) },
          lines(user, show),
        );
      }),
    );
  inTenant(command.command('show <user-name>')).action(
    (userName: string, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { findUser } = await import('../users/store.js');
        const user = await findUser(await tenantDbOf(context, tenant), userName);
        print(run, json, shown(user), lines(user));
      }),
  );
  for (const verb of ['disable', 'enable'] as const)
    inTenant(command.command(`${verb} <user-name>`))
      .description(
        verb === 'disable'
          ? 'End all sessions and tokens of the user, and refuse sign-in.'
          : 'Let the user sign in again.',
      )
      .action((userName: string, { tenant, json = false }: Options) =>
        withContext(run, async (context) => {
          const { setUserEnabled } = await import('../users/store.js');
          const owner = await tenantOf(context, tenant);
          const user = await change(context, owner, `user.${verb}`, userName, (db) =>
            setUserEnabled(db, userName, verb === 'enable'),
          );
          print(run, json, shown(user), lines(user));
          if (verb === 'disable') sayEnding(run, json, 'user disable');
        }),
      );
  inTenant(command.command('password <user-name>'))
    .description(
      'Set a new password, and sign the user out everywhere: one that is shown once, or one from standard input.',
    )
    .option('--password-stdin', 'read the password from standard input')
    .action((userName: string, { tenant, json = false, passwordStdin }: Options) =>
      withContext(run, async (context) => {
        const { openPasswords } = await import('../users/passwords.js');
        const { namesOf } = await import('../users/schema.js');
        const { findUser, setPassword } = await import('../users/store.js');
        const owner = await tenantOf(context, tenant);
        const { password, show } = await choosePassword(run, passwordStdin);
        const user = await findUser(await tenantDbOf(context, tenant), userName);
        const passwords = openPasswords(context.config.passwords);
        const hash = await passwords.hash(password, [owner.name, ...namesOf(user)]);
        await change(context, owner, 'user.password', userName, (db) => setPassword(db, userName, hash));
        print(
          run,
          json,
          { userName, ...(show !== undefined && { password: show }) },
          show === undefined ? ['done'] : [show],
        );
        sayEnding(run, json, 'user password');
      }),
    );
  return command;
}
