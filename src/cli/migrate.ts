import { Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config.js';
import { migrate, openStore, schemaStatus } from '../store/index.js';
import { print } from './output.js';

const step = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a schema is a whole number; see --status.');
  return Number(text);
};

export function migrateCommand(): Command {
  return new Command('migrate')
    .description(
      "Bring the store's schema up to date. The server does this at its start, unless it is told --no-migrate.",
    )
    .option('--to <number>', 'go up or down to this schema', step)
    .option('--status', 'only tell where the store is')
    .option('--json', 'answer in JSON')
    .action(async ({ to, status, json = false }: { to?: number; status?: boolean; json?: boolean }) => {
      const store = await openStore(loadConfig());
      try {
        const steps = status ? [] : await migrate(store, to);
        const schema = await schemaStatus(store);
        print(json, { steps, ...schema }, [
          ...steps.map((name) => `took ${name}`),
          `the store is at schema ${schema.current}, this program knows ${schema.latest}`,
        ]);
      } finally {
        await store.close();
      }
    });
}
