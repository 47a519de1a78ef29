import assert from 'node:assert/strict';
import { pino } from 'pino';
import { startPlane } from '../plane/support.js';

describe('a proxy that is not trusted', () => {
  it('gets 404 to its questions, and the log says once what to set', async () => {
    const lines: string[] = [];
    const plane = await startPlane([], {
      log: pino({ level: 'warn' }, { write: (line) => lines.push(line) }),
    });
    const ask = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${plane.port}/gateway/authorize`)).status;
    assert.deepEqual([await ask(), await ask()], [404, 404]);
    await plane.close();
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      entries.map(({ address, msg }) => [address, msg]),
      [
        [
          '127.0.0.1',
          'a proxy that is not trusted asks about calls, and gets 404: name it in GATEHOUSE_TRUST_PROXY',
        ],
      ],
    );
  });
});
