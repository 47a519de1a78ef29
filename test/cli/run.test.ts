import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { environment, STORES } from '../support/config.js';
import { watchLeftOpen } from '../support/left-open.js';
import { cli } from '../support/process.js';

describe('a command in this process', () => {
  it('takes nothing of its environment', async () => {
    process.env['GATEHOUSE_WRONG'] = 'not a key of Gatehouse';
    try {
      const { code, stderr } = await cli(['migrate', '--status'], await environment('sqlite'));
      assert.deepEqual([code, stderr], [0, '']);
    } finally {
      delete process.env['GATEHOUSE_WRONG'];
    }
  });
});

const COMMANDS = [
  ['user', 'list'],
  ['user', 'create', 'ann'],
  ['user', 'show', 'nobody'],
  ['tenant', 'create', 'Acme', '--host', 'id.acme.example', '--management-client', 'manager'],
  ['client', 'create', 'job', '--grant', 'clientCredentials'],
  ['keys', 'rotate'],
  ['keys', 'rewrap', '--compromised'],
  ['mqtt', 'export'],
  ['migrate'],
  ['doctor'],
  ['serve'],
];

for (const kind of STORES)
  describe(`a command in this process, on ${kind}`, () => {
    let env: Record<string, string>;
    before(async () => {
      const made = await environment(kind);
      env = { ...made, GATEHOUSE_NEW_MASTER_KEY: made['GATEHOUSE_MASTER_KEY'] as string };
      assert.equal((await cli(['serve'], env)).code, 0);
    });

    for (const command of COMMANDS)
      it(`leaves nothing open that keeps a process: ${command.join(' ')}`, async () => {
        await setImmediate(); // the time that the test may take is an open thing of its own
        const nothingLeftOpen = watchLeftOpen();
        const { code, stderr } = await cli(command, env);
        assert.equal(code, command.includes('nobody') ? 3 : 0, stderr);
        await nothingLeftOpen();
      });
  });
