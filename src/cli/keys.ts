import { Command } from 'commander';
import type { KeyInfo } from '../oidc/index.js';
import { print, table, time } from './output.js';
import { tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
}

const show = (json: boolean, keys: KeyInfo[]): void =>
  print(
    json,
    keys,
    table([
      ['KEY ID', 'ALG', 'STATE', 'CREATED'],
      ...keys.map(({ kid, alg, state, createdAt }) => [kid, alg, state, time(createdAt)]),
    ]),
  );

export function keysCommand(): Command {
  const command = new Command('keys').description(
    'Signing keys. Private keys are encrypted in the store and never shown.',
  );
  for (const verb of ['list', 'rotate'] as const)
    command
      .command(verb)
      .description(
        verb === 'list'
          ? 'The published keys.'
          : 'Sign with new keys from now on. The old ones stay published, so that what they signed can be checked.',
      )
      .option('--tenant <name>', 'the tenant (default: the home tenant)')
      .option('--json', 'answer in JSON')
      .action(({ tenant, json = false }: Options) =>
        withContext(async (context) => {
          const { listKeys, rotateKeys } = await import('../oidc/index.js');
          const { id } = await tenantOf(context, tenant);
          if (verb === 'rotate') {
            await rotateKeys(context.store, context.vault, id);
            await context.audit(id, { event: 'keys.rotate', result: 'success', actor: 'cli' });
          }
          show(json, await listKeys(context.store, id));
        }),
      );
  return command;
}
