import assert from 'node:assert/strict';
import pino from 'pino';
import { openKept } from '../../../src/gateway/catalogue/kept.js';

/** A reading of the store that a test ends. */
interface Reading {
  end(value: string | undefined): void;
}

describe('what is kept of a tenant’s catalogue', () => {
  it('is not what a reading finds that began before a change', async () => {
    let version = 1;
    const readings: Reading[] = [];
    const find = openKept<string>({
      changes: { versionOf: () => version, ask: () => undefined, look: async () => {}, close: () => {} },
      log: pino({ level: 'silent' }),
      most: 10,
      read: () => new Promise((resolve) => readings.push({ end: resolve })),
    });
    const tenant = { id: 't', version: 1 };
    const before = find(tenant, 'key');
    version = 2;
    const [after, same] = [find(tenant, 'key'), find(tenant, 'key')];
    const [first, second, ...others] = readings;
    assert.equal(others.length, 0);
    second?.end(undefined);
    assert.deepEqual(await Promise.all([after, same]), [undefined, undefined]);
    first?.end('revoked');
    assert.equal(await before, 'revoked');
    assert.equal(find(tenant, 'key'), undefined);
    const later = find({ ...tenant, version: 2 }, 'key');
    assert.equal(readings.length, 3);
    readings[2]?.end('new');
    assert.equal(await later, 'new');
  });
});
