import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { openDocuments } from '../../../src/gateway/documents/index.js';
import { Busy } from '../../../src/kernel/errors.js';
import { until } from '../../support/raw.js';
import { ApiTeam, startBackend, startGateway } from '../../support/gateway.js';
import { pathsOf, SERVICE } from '../catalogue/support.js';

describe('places for documents', () => {
  it('are six for each tenant, and are free again after work that fails', async () => {
    const documents = openDocuments();
    const ends: (() => void)[] = [];
    const work = (): Promise<void> => new Promise((_done, fail) => ends.push(() => fail(new Error('ended'))));
    const running = Array.from({ length: 6 }, () => documents.inPlace('red', work));
    await assert.rejects(documents.inPlace('red', work), Busy);
    assert.equal(await documents.inPlace('blue', () => Promise.resolve('read')), 'read');
    for (const end of ends) end();
    for (const { status } of await Promise.allSettled(running)) assert.equal(status, 'rejected');
    assert.equal(await documents.inPlace('red', () => Promise.resolve('read')), 'read');
    await documents.close();
  });

  it('are taken while a document is fetched [SEC-G23]', async () => {
    const held: ServerResponse[] = [];
    const backend = await startBackend((_request, response) => void held.push(response));
    const server = await startGateway('sqlite', [backend]);
    const team = await ApiTeam.begin(server, 'orders', []);
    await team.publish({ suffix: 'orders', document: pathsOf('/items'), serviceUrl: SERVICE });
    const revise = () => team.publishRevision({ swaggerUrl: `${backend.url}/o.json` });
    const running = Array.from({ length: 6 }, revise);
    await until(() => held.length === 6);
    const { status, headers } = await revise();
    assert.deepEqual([status, headers.get('retry-after')], [503, '30']);
    for (const response of held) response.end(JSON.stringify(pathsOf('/items')));
    assert.deepEqual([...new Set((await Promise.all(running)).map((answer) => answer.status))], [200]);
    await server.stop();
    await backend.close();
  });
});
