import { Command, InvalidArgumentError } from 'commander';
import type { Run } from './io.js';
import { print } from './output.js';

const step = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a schema is a whole number; see --status.');
  return Number(text);
};

export function migrateCommand(run: Run): Command {
  return new Command('migrate')
    .description(
      "Bring the store's schema up to date. The server does this at its start, unless it is told --no-migrate.",
    )
    .option('--to <number>', 'go up or down to this schema', step)
    .option('--status', 'only tell where the store is')
    .option('--json', 'answer in JSON')
    .action(async ({ to, status, json = false }: { to?: number; status?: boolean; json?: boolean }) => {
      const { loadConfig } = await import('../config.js');
      const { migrate, openStore, schemaStatus, withRights } = await import('../store/index.js');
      const store = await openStore(loadConfig(run.env, run.cwd));
      try {
        const [steps, schema] = await withRights(store, async () => [
          status ? [] : await migrate(store, to),
          await schemaStatus(store),
        ]);
        print(run, json, { steps, ...schema }, [
          ...steps.map((name) => `took ${name}`),
          `the store is at schema ${schema.current}, this program knows ${schema.latest}`,
        ]);
      } finally {
        await store.close();
      }
    });
}
