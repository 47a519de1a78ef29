import { Argument, Command } from 'commander';
import { loadConfig } from '../config.js';
import { SIGNING_ALGS, type SigningAlg } from '../kernel/algorithms.js';
import { Invalid } from '../kernel/errors.js';
import type { KeyInfo } from '../oidc/index.js';
import { decodeMasterKey, keptInFile, replaceKeyFile, rewrap } from '../store/index.js';
import { OUTBOX_SEALED_COLUMNS } from '../jobs/index.js';
import { TENANT_SEALED_COLUMNS, type Tenant } from '../tenants/index.js';
import type { GatehouseContext } from '../context.js';
import { print, table, time } from './output.js';
import { inTenant, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  now?: boolean;
  settle?: string;
}

/** The servers look for new keys each second; see main.ts. */
const SETTLE_SECONDS = 3;

const show = (json: boolean, keys: KeyInfo[]): void =>
  print(
    json,
    keys,
    table([
      ['KEY ID', 'ALG', 'STATE', 'SIGNS FROM', 'PUBLISHED UNTIL'],
      ...keys.map(({ kid, alg, state, activatesAt, retiresAt }) => [
        kid,
        alg,
        state,
        time(activatesAt),
        time(retiresAt),
      ]),
    ]),
  );

/** A command about the keys of one tenant: does something, or nothing, and shows them. */
function aboutKeys(
  command: Command,
  event: string | undefined,
  work: (context: GatehouseContext, tenant: Tenant, options: Options, argument: string) => Promise<void>,
): void {
  inTenant(command).action(() =>
    withContext(async (context) => {
      const options = command.opts<Options>();
      const [argument = ''] = command.args;
      const tenant = await tenantOf(context, options.tenant);
      await work(context, tenant, options, argument);
      if (event !== undefined)
        await context.audit(tenant.id, { event, result: 'success', actor: 'cli', target: argument });
      const { listKeys } = await import('../oidc/index.js');
      show(options.json ?? false, await listKeys(context.store, tenant.id));
    }),
  );
}

export function keysCommand(): Command {
  const command = new Command('keys').description(
    'Signing keys, and the master key. Private keys are encrypted in the store and never shown.',
  );
  aboutKeys(
    command.command('list').description('The signing keys of a tenant, with what becomes of each when.'),
    undefined,
    async () => undefined,
  );
  aboutKeys(
    command
      .command('rotate')
      .description(
        'Publish a new key for each algorithm. It signs after keys.publishSeconds (24 hours), so that nobody meets a key that he can not have. The old one stays published for as long as anything that it signed is valid.',
      )
      .option(
        '--now',
        'sign with the new keys at once: for when a key has become known to somebody. Clients that keep the key set may refuse new tokens until they read it again',
      ),
    'keys.rotate',
    async ({ config, store, vault }, tenant, { now = false }) => {
      const { rotateKeys, scheduleOf } = await import('../oidc/index.js');
      await rotateKeys(store, vault, tenant.id, scheduleOf(config), { now });
    },
  );
  aboutKeys(
    command
      .command('add')
      .addArgument(new Argument('<alg>').choices(SIGNING_ALGS))
      .description(
        'Let the tenant sign with one more algorithm. APIs and clients can ask for it from then on.',
      ),
    'keys.add',
    async ({ store, vault }, tenant, _options, alg) => {
      const { addKeys } = await import('../oidc/index.js');
      await addKeys(store, vault, tenant.id, [alg as SigningAlg]);
    },
  );
  command
    .command('rewrap')
    .description(
      'Move everything that is encrypted to another master key (GATEHOUSE_NEW_MASTER_KEY), while servers run. They go on; their next start needs the new key.',
    )
    .option('--settle <seconds>', 'how long running servers get to learn a key', String(SETTLE_SECONDS))
    .option('--json', 'answer in JSON')
    .action(rewrapKeys);
  return command;
}

async function rewrapKeys({ json = false, settle }: Options): Promise<void> {
  const config = loadConfig();
  const { newMasterKey } = config;
  if (newMasterKey === undefined)
    throw new Invalid(
      'GATEHOUSE_NEW_MASTER_KEY',
      'is not set; make a key with "openssl rand -base64 32" and give it',
    );
  const to = decodeMasterKey(newMasterKey, 'GATEHOUSE_NEW_MASTER_KEY', 'from the environment');
  await withContext(async (context) => {
    const { store, vault, master } = context;
    if (to.id === master.id)
      throw new Invalid('GATEHOUSE_NEW_MASTER_KEY', 'is the key that is in use; make another');
    const { OIDC_SEALED_COLUMNS } = await import('../oidc/index.js');
    const { MESSAGING_SEALED_COLUMNS } = await import('../messaging/index.js');
    const inFile = keptInFile(config);
    const columns = [
      ...TENANT_SEALED_COLUMNS,
      ...OIDC_SEALED_COLUMNS,
      ...MESSAGING_SEALED_COLUMNS,
      ...OUTBOX_SEALED_COLUMNS,
    ];
    const done = await rewrap(store, vault, master, to, columns, {
      settle: Math.max(0, Number(settle) || 0),
      handOver: () => {
        if (inFile) replaceKeyFile(config, newMasterKey);
      },
    });
    const home = await tenantOf(context, undefined);
    await context.audit(home.id, { event: 'keys.rewrap', result: 'success', actor: 'cli', target: to.id });
    print(json, done, [
      ...Object.entries(done.rows).map(([name, count]) => `${name}: ${count} rows`),
      inFile
        ? 'The new key is in the data folder. Back it up.'
        : 'Set GATEHOUSE_MASTER_KEY to the new key now: the next start of every server needs it.',
    ]);
  });
}
