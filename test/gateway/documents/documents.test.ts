import assert from 'node:assert/strict';
import { openDocuments } from '../../../src/gateway/documents/index.js';
import { Busy } from '../../../src/kernel/errors.js';
import { DocumentRefused } from '../../../src/gateway/types.js';

const GOOD = 'openapi: 3.0.3\ninfo: {title: Orders, version: "1"}\npaths: {}';
/** Takes longer to read than one second. */
const SLOW = `openapi: 3.0.3\ninfo: {title: Orders, version: "1"}\npaths: {}\nx-list:\n${'  - {a: 1, b: [c, d]}\n'.repeat(600_000)}`;

const refusedWith = (message: string) => (error: unknown) =>
  error instanceof DocumentRefused &&
  error.problems.length === 1 &&
  error.problems[0]?.rule === 'tooComplex' &&
  error.message === message;

describe('the thread of documents', () => {
  it('ends at its limit of time, and another one takes the next document [SEC-G23]', async () => {
    const documents = openDocuments({ timeoutMs: 4000 });
    try {
      await documents.prepare({ text: GOOD });
      const slow = documents.prepare({ text: SLOW });
      const next = documents.prepare({ text: GOOD });
      await assert.rejects(
        slow,
        refusedWith('Make the document smaller or simpler: reading it takes too much time.'),
      );
      assert.equal((await next).compiled.title, 'Orders');
    } finally {
      await documents.close();
    }
  });

  it('ends at its limit of memory, and another one takes the next document [SEC-G23]', async () => {
    const documents = openDocuments({ heapMegabytes: 64 });
    try {
      await assert.rejects(
        documents.prepare({ text: SLOW }),
        refusedWith('Make the document smaller or simpler: reading it takes too much memory.'),
      );
      assert.equal((await documents.prepare({ text: GOOD })).compiled.title, 'Orders');
    } finally {
      await documents.close();
    }
  });

  it('lets a bounded number of documents wait', async () => {
    const documents = openDocuments({ waiting: 2 });
    try {
      const results = await Promise.allSettled([1, 2, 3, 4, 5].map(() => documents.prepare({ text: GOOD })));
      assert.deepEqual(
        results.map((result) => (result.status === 'rejected' ? result.reason instanceof Busy : 'taken')),
        ['taken', 'taken', 'taken', true, true],
      );
    } finally {
      await documents.close();
    }
  });

  it('ends when it is idle, and starts again', async () => {
    const documents = openDocuments({ idleMs: 1 });
    try {
      for (let round = 0; round < 3; round += 1)
        assert.equal((await documents.prepare({ text: GOOD })).compiled.title, 'Orders');
    } finally {
      await documents.close();
    }
  });

  it('fails what still waits when it is closed', async () => {
    const documents = openDocuments();
    const waiting = [documents.prepare({ text: SLOW }), documents.prepare({ text: GOOD })];
    const results = Promise.allSettled(waiting);
    await documents.close();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    await assert.rejects(documents.prepare({ text: GOOD }), /closed/);
  });
});
