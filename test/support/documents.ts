import { openDocuments } from '../../src/gateway/documents/index.js';

/** One thread for the documents of all tests of a process: to start one takes longer than most tests. */
export const documents = openDocuments({ idleMs: 2 ** 31 - 1 });
