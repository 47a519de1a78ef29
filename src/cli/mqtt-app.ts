import { Command } from 'commander';
import { RIGHTS, type MqttApp } from '../mqtt/schema.js';
import { sayEnding } from './endings.js';
import type { Run } from './io.js';
import { print, table } from './output.js';
import { change, inTenant, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  right?: string[];
}

const lines = (app: MqttApp, secret?: string): string[] =>
  table([
    ['app id', app.appId],
    ['status', app.enabled ? 'enabled' : 'disabled'],
    ['rights', app.rights.join(' ') || '-'],
    ...(secret === undefined ? [] : [['secret', `${secret}   (shown this once)`]]),
  ]);

export function mqttAppCommand(run: Run): Command {
  const command = new Command('mqtt-app').description(
    "Programs that manage devices' MQTT credentials under /api/v4, and brokers that check them.",
  );
  inTenant(command.command('list')).action(({ tenant, json = false }: Options) =>
    withContext(run, async (context) => {
      const { listApps } = await import('../mqtt/apps.js');
      const apps = await listApps(await tenantDbOf(context, tenant));
      print(
        run,
        json,
        apps,
        table(
          apps.map(({ appId, enabled, rights }) => [
            appId,
            enabled ? 'enabled' : 'disabled',
            rights.join(' '),
          ]),
        ),
      );
    }),
  );
  inTenant(command.command('create <app-id>'))
    .description('Make one; its secret is shown once.')
    .option('--right <right...>', `what it may do: ${RIGHTS.join(', ')} (default: read, write, broker)`)
    .action((appId: string, { tenant, json = false, right }: Options) =>
      withContext(run, async (context) => {
        const { findApp, insertApp, readRights } = await import('../mqtt/apps.js');
        const owner = await tenantOf(context, tenant);
        const rights = right && readRights(right);
        const { app, secret } = await change(context, owner, 'mqtt-app.create', appId, async (db) => {
          const made = await insertApp(db, context.vault, { appId, ...(rights && { rights }) });
          return { app: await findApp(db, appId), secret: made };
        });
        print(run, json, { ...app, secret }, lines(app, secret));
      }),
    );
  for (const verb of ['disable', 'enable'] as const)
    inTenant(command.command(`${verb} <app-id>`))
      .description(verb === 'disable' ? 'Refuse everything that it asks for.' : 'Let it ask again.')
      .action((appId: string, { tenant, json = false }: Options) =>
        withContext(run, async (context) => {
          const { changeApp, findApp } = await import('../mqtt/apps.js');
          const owner = await tenantOf(context, tenant);
          const app = await change(context, owner, `mqtt-app.${verb}`, appId, async (db) => {
            await changeApp(db, appId, { enabled: verb === 'enable' });
            return findApp(db, appId);
          });
          print(run, json, app, lines(app));
          if (verb === 'disable') sayEnding(run, json, 'mqtt-app disable');
        }),
      );
  inTenant(command.command('secret <app-id>'))
    .description('Give it another secret, shown once, in place of the one that it had.')
    .action((appId: string, { tenant, json = false }: Options) =>
      withContext(run, async (context) => {
        const { replaceAppSecret } = await import('../mqtt/apps.js');
        const owner = await tenantOf(context, tenant);
        const secret = await change(context, owner, 'mqtt-app.secret', appId, (db) =>
          replaceAppSecret(db, context.vault, appId),
        );
        print(run, json, { appId, secret }, [secret]);
        sayEnding(run, json, 'mqtt-app secret');
      }),
    );
  return command;
}
