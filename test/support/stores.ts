import { openStore, type Store } from '../../src/store/index.js';
import { configFor, STORES } from './config.js';

/** Runs one suite against SQLite and against PostgreSQL: what a store promises, both keep. */
export function onEveryStore(
  title: string,
  suite: (open: () => Store, kind: (typeof STORES)[number]) => void,
): void {
  for (const kind of STORES)
    describe(`${title}, on ${kind}`, () => {
      let store: Store;
      before(async () => {
        store = await openStore(await configFor(kind, {}, {}, 'migrated'));
      });
      after(() => store.close());
      suite(() => store, kind);
    });
}
