import { Argument, Command } from 'commander';
import type { Knex } from 'knex';
import type { Tenant } from '../tenants/index.js';
import type * as TenantStore from '../tenants/store.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table } from './output.js';
import { withContext } from './session.js';

const lines = (tenant: Tenant): string[] =>
  table([
    ['name', tenant.name],
    ['id', tenant.id],
    ['issuer', tenant.issuer],
    ['hosts', tenant.hosts.join(', ')],
    ['status', tenant.enabled ? 'enabled' : 'disabled'],
    ['registration', tenant.registrationOpen ? 'open' : 'closed'],
  ]);

interface Options {
  json?: boolean;
  host: string;
  managementClient?: string;
}

/** Changes a tenant, writes it down, and shows how it is now. */
const changeTenant = (
  run: Run,
  name: string,
  said: { event: string; detail?: Record<string, unknown> },
  { json = false }: Options,
  work: (stored: typeof TenantStore, trx: Knex) => Promise<void>,
): Promise<void> =>
  withContext(run, async ({ store, audit }) => {
    const stored = await import('../tenants/store.js');
    await store.transaction((trx) => work(stored, trx));
    const tenant = await stored.findTenant(store.knex, name);
    await audit(tenant.id, { ...said, result: 'success', actor: 'cli', target: name });
    print(run, json, tenant, lines(tenant));
  });

export function tenantCommand(run: Run): Command {
  const command = new Command('tenant').description(
    'Tenants: each an issuer of its own, with its own users, clients and keys.',
  );
  command
    .command('list')
    .option('--json', 'answer in JSON')
    .action(({ json = false }: Options) =>
      withContext(run, async ({ store }) => {
        const { listTenants } = await import('../tenants/store.js');
        const tenants = await listTenants(store.knex);
        print(
          run,
          json,
          tenants,
          table([
            ['NAME', 'ISSUER', 'STATUS'],
            ...tenants.map(({ name, issuer, enabled }) => [name, issuer, enabled ? 'enabled' : 'disabled']),
          ]),
        );
      }),
    );
  command
    .command('create <name>')
    .description('Make a tenant. It can be used at once.')
    .requiredOption(
      '--host <host>',
      'the Host header that picks it, such as id.example.com; its issuer is https://<host>',
    )
    .option(
      '--management-client <client-id>',
      'also make the client that scripts and administrators manage it with; its secret is shown once',
    )
    .option('--json', 'answer in JSON')
    .action((name: string, { host, managementClient: clientId, json = false }: Options) =>
      withContext(run, async ({ config, store, vault, audit }) => {
        const { reservedAudiences } = await import('../clients/schema.js');
        const { makeFirstKeys } = await import('../oidc/keys/first.js');
        const { placeAt } = await import('../tenants/hosts.js');
        const { makeTenant } = await import('../tenants/make.js');
        // The management client gets the scopes of every operation, which are known where the operations are.
        if (clientId !== undefined) await import('../management.js');
        const place = placeAt(host);
        const writeFirstKeys = await makeFirstKeys(vault);
        const reserved = reservedAudiences(() => config.mqtt.audience);
        const managementClient = clientId === undefined ? undefined : { id: clientId, reserved };
        const { tenant, managementSecret } = await store.transaction((trx) =>
          makeTenant(trx, vault, writeFirstKeys, { name, ...place, managementClient }),
        );
        await audit(tenant.id, { event: 'tenant.create', result: 'success', actor: 'cli', target: name });
        const client = managementSecret === undefined ? undefined : { clientId, secret: managementSecret };
        print(run, json, { ...tenant, ...(client && { managementClient: client }) }, [
          ...lines(tenant),
          ...(client ? [`${client.clientId}  ${client.secret}   (shown this once)`] : []),
        ]);
      }),
    );
  command
    .command('show <name>')
    .option('--json', 'answer in JSON')
    .action((name: string, { json = false }: Options) =>
      withContext(run, async ({ store }) => {
        const { findTenant } = await import('../tenants/store.js');
        const tenant = await findTenant(store.knex, name);
        print(run, json, tenant, lines(tenant));
      }),
    );
  command
    .command('registration <name>')
    .description('Let people make accounts for themselves (open), or leave that to administrators (closed).')
    .addArgument(new Argument('<open|closed>').choices(['open', 'closed']))
    .option('--json', 'answer in JSON')
    .action((name: string, word: 'open' | 'closed', options: Options) =>
      changeTenant(
        run,
        name,
        { event: 'tenant.registration', detail: { registration: word } },
        options,
        ({ setRegistrationOpen }, trx) => setRegistrationOpen(trx, name, word === 'open'),
      ),
    );
  for (const verb of ['disable', 'enable'] as const)
    command
      .command(`${verb} <name>`)
      .description(
        verb === 'disable' ? 'Answer 403 to everything that is asked of the tenant.' : 'Let it answer again.',
      )
      .option('--json', 'answer in JSON')
      .action(async (name: string, options: Options) => {
        await changeTenant(run, name, { event: `tenant.${verb}` }, options, ({ setTenantEnabled }, trx) =>
          setTenantEnabled(trx, name, verb === 'enable'),
        );
        if (verb === 'disable') sayEnding(run, options.json ?? false, 'tenant disable');
      });
  return command;
}
