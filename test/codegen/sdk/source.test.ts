import assert from 'node:assert/strict';
import { setImmediate as immediate } from 'node:timers/promises';
import { documentFor } from '../../../src/codegen/sdk/source.js';
import { openDocuments, type Documents } from '../../../src/gateway/documents/index.js';
import { PLACES_OF_TENANT } from '../../../src/gateway/documents/places.js';
import type { CallTenant } from '../../../src/api/index.js';
import type { Store } from '../../../src/store/index.js';

const TEXT = 'openapi: 3.0.3\ninfo: {title: Orders, version: "1"}\npaths: {}';
const TENANT = { id: 'red' } as CallTenant;
const ADDRESS = 'https://api.example.com/openapi.yaml';

describe('the document of a job', () => {
  let documents: Documents;
  afterEach(() => documents.close());

  const read = (signal: AbortSignal) =>
    documentFor(
      { store: {} as Store, documents: { ...documents, fetchDocument: async () => TEXT } },
      TENANT,
      { apiId: 'a1', signal },
      ADDRESS,
    );
  /** Documents of callers: one is read, one waits, and there is room for no other. */
  async function fill(): Promise<{ others: Promise<unknown> }> {
    const first = documents.prepare({ text: TEXT });
    await immediate();
    const others = Promise.all([first, documents.prepare({ text: TEXT })]);
    await assert.rejects(documents.prepare({ text: TEXT }), { name: 'Busy' });
    return { others };
  }

  it('waits for its turn where callers send too many documents', async () => {
    documents = openDocuments({ waiting: 1 });
    const { others } = await fill();
    const { openapi } = await read(new AbortController().signal);
    assert.deepEqual(openapi['info'], { title: 'Orders', version: '1' });
    await others;
  });

  it('needs none of the places that its tenant’s callers have', async () => {
    documents = openDocuments();
    let leave = (): void => undefined;
    const free = new Promise<void>((resolve) => (leave = resolve));
    const taken = Array.from({ length: PLACES_OF_TENANT }, () => documents.inPlace(TENANT.id, () => free));
    await assert.rejects(
      documents.inPlace(TENANT.id, async () => undefined),
      { name: 'Busy' },
    );
    const { openapi } = await read(new AbortController().signal);
    assert.equal(openapi['openapi'], '3.0.3');
    leave();
    await Promise.all(taken);
  });

  it('is not waited for any longer when the job is ended', async () => {
    documents = openDocuments({ waiting: 1 });
    const { others } = await fill();
    const controller = new AbortController();
    const reading = read(controller.signal);
    const ended = new Error('ended');
    controller.abort(ended);
    await assert.rejects(reading, ended);
    await others;
  });
});
