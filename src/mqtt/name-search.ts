import { LRUCache } from 'lru-cache';
import { turnIsOver, yieldToEventLoop } from '../kernel/event-loop.js';
import type { Row, Store } from '../store/index.js';
import { BLOCK, type Listed } from './credentials.js';
import type { Kind } from './schema.js';

/** Finds devices by a part of their names: any text, however short, as it stands. */
export interface NameSearch {
  /**
   * A page of the names that have `part` in them, the newest first.
   * @param page from 1 on.
   * @returns a count that is exact up to ten thousand; `more` says that there are more.
   */
  find(tenantId: string, kind: Kind, part: string, page: number, limit: number): Promise<Listed>;
}

/** A run of a thousand names as bytes, each with a zero before it, which no name can have, and one behind the last. */
interface Run {
  version: number;
  bytes: Buffer;
}

/** Four million names of devices, or so. */
const MOST_BYTES = 64 * 1024 * 1024;
const COUNTED = 10_000;
const LOADED_AT_ONCE = 8;

/**
 * Names are looked through in memory, sixteen bytes each or so: a million of them in a few milliseconds, on either store, with no
 * index to be written with every device. Each look asks which runs of a thousand have changed since they were read, on this
 * node or another, and reads those anew; the first look reads all.
 */
export function openNameSearch(store: Store): NameSearch {
  const runs = new LRUCache<string, Run>({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length + 100,
  });
  const versions = store.prepare(
    'SELECT block, version FROM mqtt_blocks WHERE tenant_id = ? AND kind = ? AND count > 0 ORDER BY block DESC',
  );
  const names = store.prepare(
    `SELECT COALESCE(long_name, name) AS name FROM mqtt_credentials
     WHERE tenant_id = ? AND kind = ? AND seq >= ? AND seq < ? ORDER BY seq DESC`,
  );

  async function load(tenantId: string, kind: Kind, { block, version }: Row): Promise<Run> {
    const from = Number(block) * BLOCK;
    const rows = await names.together(tenantId, kind, from, from + BLOCK);
    const bytes = Buffer.from(`\0${rows.map(([name]) => `${name}\0`).join('')}`);
    const run = { version: Number(version), bytes };
    runs.set(keyOf(tenantId, kind, block), run);
    return run;
  }

  return {
    async find(tenantId, kind, part, page, limit) {
      const sought = Buffer.from(part);
      const [skip, enough] = [(page - 1) * limit, Math.max(COUNTED, page * limit)];
      const found: string[] = [];
      let count = 0;
      const blocks = await versions.all(tenantId, kind);
      for (let at = 0; at < blocks.length && count <= enough; at += LOADED_AT_ONCE) {
        const some = await Promise.all(
          blocks.slice(at, at + LOADED_AT_ONCE).map(async (row) => {
            const known = runs.get(keyOf(tenantId, kind, row['block']));
            return known?.version === Number(row['version']) ? known : load(tenantId, kind, row);
          }),
        );
        if (turnIsOver()) await yieldToEventLoop();
        for (const { bytes } of some)
          for (const name of namesWith(bytes, sought)) {
            if (count >= skip && found.length < limit) found.push(name());
            count += 1;
            if (count > enough) break;
          }
      }
      return { names: found, count: Math.min(count, enough), more: count > enough };
    },
  };
}

const keyOf = (tenantId: string, kind: Kind, block: unknown): string =>
  `${tenantId} ${kind} ${String(block)}`;

/** Those that have it in them; their text is made only of those that are wanted. */
function* namesWith(bytes: Buffer, sought: Buffer): Generator<() => string> {
  for (let hit = bytes.indexOf(sought); hit !== -1;) {
    const inside = hit;
    const end = bytes.indexOf(0, inside);
    yield () => bytes.toString('utf8', bytes.lastIndexOf(0, inside) + 1, end);
    hit = bytes.indexOf(sought, end);
  }
}
