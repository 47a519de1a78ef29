import {
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  pageOf,
  shapes,
  tagsOf,
  type AnyOperation,
} from '../../api/index.js';
import { findApiResource, lockApiResource } from '../../api-resources/index.js';
import { Conflict } from '../../kernel/errors.js';
import { CODEGEN_CODES } from '../codes.js';
import { HISTORY, HISTORY_QUERY, NEW_HISTORY } from './schemas.js';
import { countHistory, HISTORY_COLUMNS, historyOf, insertHistory, toEntry } from './store.js';
import type { HistoryEntry } from './types.js';

/** Releases of one API. */
export const MOST_HISTORY = 10_000;

const at = areaAt('codegen', '/api/CodeGen');

const shown = ({ releaseDate, ...entry }: HistoryEntry) => ({
  ...shapes.withTimes(entry),
  releaseDate: shapes.iso(releaseDate),
});

const listOperation = (): AnyOperation =>
  defineList({
    ...at.own('history', 'GET', '/{id}/History'),
    access: { kind: 'bearer', area: 'apiresource', verb: 'history' },
    summary: 'List the SDKs that were released of an API',
    schemas: { params: shapes.params, query: HISTORY_QUERY, answer: HISTORY },
    async handle({ db, actor, params, query }) {
      const { id } = await findApiResource(db, params.id, confinedTo(actor));
      const { 'q.sdkName': part, 'q.language': language } = query;
      const rows = containing(historyOf(db, id), 'sdk_name', part);
      if (language !== undefined) void rows.where({ language });
      return pageOf(db, rows, query, HISTORY_COLUMNS, (row) => shown(toEntry(row)));
    },
  });

const addOperation = (): AnyOperation =>
  defineOperation({
    ...at.own('posthistory', 'POST', '/{id}/PostHistory'),
    access: { kind: 'bearer', area: 'codegen', verb: 'releasesdk' },
    summary: 'Add the release of an SDK that was published elsewhere',
    authority: {
      untouched: 'an entry says what was released, and gives no permission',
      confined: 'the API is the caller’s own',
    },
    conflicts: { version: CODEGEN_CODES.historyFailed, history: CODEGEN_CODES.historyFailed },
    example: { sdkName: '@example/orders', language: 'typescript', version: '1.2.0', tags: ['stable'] },
    schemas: { params: shapes.params, body: NEW_HISTORY, answer: HISTORY },
    async handle({ db, actor, params, body }) {
      const { id } = await lockApiResource(db, params.id, confinedTo(actor));
      if ((await countHistory(db, id, MOST_HISTORY)) >= MOST_HISTORY)
        throw new Conflict('history', `an API may have ${MOST_HISTORY} entries`);
      const { swaggerUrl, tags, releaseDate, ...fields } = body;
      const entry = await insertHistory(db, id, {
        ...fields,
        swaggerUrl: swaggerUrl ?? null,
        tags: tagsOf(tags ?? null),
        releaseDate: releaseDate === undefined ? Date.now() : Date.parse(releaseDate),
      });
      return shown(entry);
    },
  });

/** The operations about what was released of an API. */
export const historyOperations = (): readonly AnyOperation[] => [listOperation(), addOperation()];
