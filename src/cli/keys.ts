import { resolve } from 'node:path';
import { Argument, Command } from 'commander';
import type { Config } from '../config.js';
import { SIGNING_ALGS, type SigningAlg } from '../kernel/algorithms.js';
import { Invalid } from '../kernel/errors.js';
import type { KeyInfo } from '../oidc/index.js';
import type { StoreContext } from '../store-context.js';
import type { MasterKey, SealedColumn } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import { RENEWABLE_SECRETS, type RenewableSecret } from '../tenants/secrets.js';
import type { Run } from './io.js';
import { print, table, time } from './output.js';
import { change, inTenant, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  now?: boolean;
  compromised?: boolean;
  settle?: string;
  newKeyFile?: string;
}

const NEW_KEY_FILE = '--new-key-file';

/** The servers look for new keys each second; see main.ts. */
const SETTLE_SECONDS = 3;

const show = (run: Run, json: boolean, keys: KeyInfo[], ends: readonly string[]): void =>
  print(run, json, keys, [
    ...table([
      ['KEY ID', 'ALG', 'STATE', 'SIGNS FROM', 'PUBLISHED UNTIL'],
      ...keys.map(({ kid, alg, state, activatesAt, retiresAt }) => [
        kid,
        alg,
        state,
        time(activatesAt),
        time(retiresAt),
      ]),
    ]),
    ...ends,
  ]);

/** A command about the keys of one tenant: does something, shows them, and what it has ended. */
function aboutKeys(
  run: Run,
  command: Command,
  event: string | undefined,
  work: (
    context: StoreContext,
    tenant: Tenant,
    options: Options,
    argument: string,
  ) => Promise<readonly string[]>,
): void {
  inTenant(command).action(() =>
    withContext(run, async (context) => {
      const options = command.opts<Options>();
      const [argument = ''] = command.args;
      const tenant = await tenantOf(context, options.tenant);
      const ends = await work(context, tenant, options, argument);
      if (event !== undefined)
        await context.audit(tenant.id, { event, result: 'success', actor: 'cli', target: argument });
      const { listKeys } = await import('../oidc/keys/rotation.js');
      show(run, options.json ?? false, await listKeys(context.store, tenant.id), ends);
    }),
  );
}

export function keysCommand(run: Run): Command {
  const command = new Command('keys').description(
    'Signing keys, and the master key. Private keys are encrypted in the store and never shown.',
  );
  aboutKeys(
    run,
    command.command('list').description('The signing keys of a tenant, with what becomes of each when.'),
    undefined,
    async () => [],
  );
  aboutKeys(
    run,
    command
      .command('rotate')
      .description(
        'Publish a new key for each algorithm. It signs after keys.publishSeconds (24 hours), so that clients find it in the key set that they keep. The old one stays published for as long as anything that it signed is valid.',
      )
      .option(
        '--now',
        'sign with the new keys at once. What the old ones signed stays valid. Clients that keep the key set may refuse new tokens until they read it again',
      )
      .option(
        '--compromised',
        'somebody else may have the keys: make new ones that sign at once, and accept nothing that the old ones signed',
      ),
    'keys.rotate',
    async ({ config, store, vault }, tenant, { now = false, compromised = false }) => {
      const { REVOKED_KEY_ENDS, revokeKeys } = await import('../oidc/keys/revocation.js');
      const { rotateKeys, scheduleOf } = await import('../oidc/keys/rotation.js');
      if (!compromised) {
        await rotateKeys(store, vault, tenant.id, scheduleOf(config), { now });
        return [];
      }
      await revokeKeys(store, vault, tenant.id, scheduleOf(config), 'all');
      return REVOKED_KEY_ENDS;
    },
  );
  aboutKeys(
    run,
    command
      .command('revoke <kid>')
      // Keys of earlier programs may have ids that begin with a hyphen.
      .allowUnknownOption()
      .helpOption('--help')
      .description(
        'Accept nothing that this key signed. One that signs is replaced at once, by a key that is made now.',
      ),
    'keys.revoke',
    async ({ config, store, vault }, tenant, _options, kid) => {
      const { REVOKED_KEY_ENDS, revokeKeys } = await import('../oidc/keys/revocation.js');
      const { scheduleOf } = await import('../oidc/keys/rotation.js');
      await revokeKeys(store, vault, tenant.id, scheduleOf(config), { kid });
      return REVOKED_KEY_ENDS;
    },
  );
  aboutKeys(
    run,
    command
      .command('add')
      .addArgument(new Argument('<alg>').choices(SIGNING_ALGS))
      .description(
        'Let the tenant sign with one more algorithm. APIs and clients can ask for it from then on.',
      ),
    'keys.add',
    async ({ store, vault }, tenant, _options, alg) => {
      const { addKeys } = await import('../oidc/keys/rotation.js');
      await addKeys(store, vault, tenant.id, [alg as SigningAlg]);
      return [];
    },
  );
  inTenant(command.command('renew'))
    .addArgument(new Argument('<secret>').choices(Object.keys(RENEWABLE_SECRETS)))
    .description('Renew a secret of the tenant: the key that signs cookies, or the source of DPoP nonces.')
    .action((name: RenewableSecret, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { renewTenantSecret } = await import('../tenants/secrets.js');
        const owner = await tenantOf(context, tenant);
        await change(context, owner, 'keys.renew', name, (db) => renewTenantSecret(db, context.vault, name));
        const ends = [RENEWABLE_SECRETS[name]];
        print(run, json, { secret: name, ends }, ends);
      }),
    );
  command
    .command('rewrap')
    .description(
      'Move everything that is encrypted to another master key, while servers run. They go on; their next start needs the new key.',
    )
    .option(
      `${NEW_KEY_FILE} <path>`,
      'the file that holds the new key; the command makes the key in it where there is no such file. Keep it: without the key the store is lost. Where the key is in the data folder, GATEHOUSE_NEW_MASTER_KEY may hold the new one instead',
    )
    .option(
      '--compromised',
      'somebody else may have the old key and the store: also renew the signing keys, cookie keys and DPoP nonces of every tenant, and end what waits for a code. Can be repeated with the key that is in use',
    )
    .option('--settle <seconds>', 'how long running servers get to learn a key', String(SETTLE_SECONDS))
    .option('--json', 'answer in JSON')
    .action((_options: Options, rewrapping: Command) => rewrapKeys(run, rewrapping));
  return command;
}

/** Everything in the store that is sealed. */
async function sealedColumns(): Promise<SealedColumn[]> {
  const { OIDC_SEALED_COLUMNS } = await import('../oidc/sealed.js');
  const { MESSAGING_SEALED_COLUMNS } = await import('../messaging/settings.js');
  const { CODEGEN_SEALED_COLUMNS } = await import('../codegen/options/store.js');
  const { OUTBOX_SEALED_COLUMNS } = await import('../jobs/index.js');
  const { TENANT_SEALED_COLUMNS } = await import('../tenants/secrets.js');
  return [
    ...TENANT_SEALED_COLUMNS,
    ...OIDC_SEALED_COLUMNS,
    ...MESSAGING_SEALED_COLUMNS,
    ...CODEGEN_SEALED_COLUMNS,
    ...OUTBOX_SEALED_COLUMNS,
  ];
}

/** Where the new master key is read from: a file that stays, or the environment. */
async function newKeySource(
  run: Run,
  config: Config,
  { newKeyFile }: Options,
): Promise<{ name: string; read: () => string; file: string | undefined }> {
  const { keyFromFile } = await import('../store/index.js');
  const { newMasterKey } = config;
  if (newKeyFile !== undefined && newMasterKey !== undefined)
    throw new Invalid(NEW_KEY_FILE, 'give this or GATEHOUSE_NEW_MASTER_KEY, not both');
  if (newKeyFile !== undefined) {
    const file = resolve(run.cwd, newKeyFile);
    return { name: NEW_KEY_FILE, read: () => keyFromFile(file, NEW_KEY_FILE), file };
  }
  if (newMasterKey === undefined)
    throw new Invalid(
      'GATEHOUSE_NEW_MASTER_KEY',
      `is not set; give ${NEW_KEY_FILE} <path>, a file that holds the key or in which it is made`,
    );
  return { name: 'GATEHOUSE_NEW_MASTER_KEY', read: () => newMasterKey, file: undefined };
}

const ALREADY_IN_USE =
  'The store was under this master key already, and goes on under it. If it is this key that somebody else may have, run the command again with another.';

const whereKept = (file: string | undefined, inFile: boolean): string[] => [
  ...(file === undefined ? [] : [`The new key is in ${file}. Keep it.`]),
  inFile
    ? 'The new key is in the data folder. Back it up.'
    : 'Set GATEHOUSE_MASTER_KEY to the new key now: the next start of every server needs it.',
];

async function rewrapKeys(run: Run, command: Command): Promise<void> {
  const options = command.opts<Options>();
  const { json = false, compromised = false, settle } = options;
  const { loadConfig } = await import('../config.js');
  const { decodeMasterKey, givenMasterKey, keptInFile, replaceKeyFile, rewrap } =
    await import('../store/index.js');
  const config = loadConfig(run.env, run.cwd);
  const inFile = keptInFile(config);
  const { name, read, file } = await newKeySource(run, config, options);
  const decode = (text: string): MasterKey => decodeMasterKey(text, name, file ?? 'from the environment');
  if (file === undefined && !inFile && decode(read()).id !== givenMasterKey(config)?.id)
    command.error(
      `error: GATEHOUSE_NEW_MASTER_KEY: this key is kept nowhere, and the store is lost when the environment of this command is gone; give ${NEW_KEY_FILE} <path>, a file that holds the key or in which it is made`,
    );
  await withContext(run, async (context) => {
    const { store, vault, master } = context;
    const text = read();
    const to = decode(text);
    const inUse = to.id === master.id;
    if (inUse && !compromised) throw new Invalid(name, 'is the key that is in use; make another');
    const done = inUse
      ? { rows: {}, masterKey: to.id }
      : await rewrap(store, vault, master, to, await sealedColumns(), {
          settle: Math.max(0, Number(settle) || 0),
          handOver: () => {
            if (inFile) replaceKeyFile(config, text);
          },
        });
    const home = await tenantOf(context, undefined);
    await context.audit(home.id, { event: 'keys.rewrap', result: 'success', actor: 'cli', target: to.id });
    const renewed = compromised ? await (await import('./leaked.js')).renewAll(context) : undefined;
    print(run, json, { ...done, ...(file !== undefined && { newKeyFile: file }), ...renewed }, [
      ...Object.entries(done.rows).map(([table, count]) => `${table}: ${count} rows`),
      ...(inUse ? [ALREADY_IN_USE] : whereKept(file, inFile)),
      ...(renewed ? [`renewed: ${renewed.tenants} tenants`, ...renewed.ends, ...renewed.left] : []),
    ]);
  });
}
