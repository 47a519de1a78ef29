import type { Context } from 'koa';
import { areaAt, defineOperation, Failure, type AnyOperation, type CallTenant } from '../api/index.js';
import type { TenantDb } from '../store/index.js';
import { withoutFileNames } from '../kernel/capabilities.js';
import { blobPath, settleBlob, type Blob, type Blobs } from './blobs.js';
import { BLOB_CODES as CODES } from './codes.js';
import type { Family } from './content/kinds.js';
import type { Upload, Uploads } from './uploads.js';

const folderName = {
  type: 'string',
  pattern: '^[a-zA-Z0-9]{5,30}$',
  description: 'The day (UTC) where it is left out: `20260131`.',
} as const;

const FOLDER = new RegExp(folderName.pattern);

const FORM = {
  type: 'object',
  additionalProperties: false,
  required: ['value'],
  properties: { value: { type: 'string', format: 'binary', description: 'The file.' }, folderName },
} as const;

const BASE64 = {
  title: 'Base64File',
  description: 'Or the string alone.',
  type: 'object',
  additionalProperties: false,
  required: ['value'],
  properties: {
    value: { type: 'string', description: 'A PNG below 10 MiB, as base64.' },
    folderName,
  },
} as const;

const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: { folderName: { ...folderName, description: 'As in the form.' } },
} as const;

const URL = {
  title: 'FileAddress',
  type: 'string',
  description: 'The address of the file. Everybody who has the address can read the file.',
} as const;

/** One dot, as small as a PNG can be. */
const A_DOT =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const today = (): string => new Date().toISOString().slice(0, 10).replaceAll('-', '');

const blobArea = areaAt('blob', '/api/Blob');

export interface BlobServices {
  blobs: Blobs;
  uploads: Uploads;
}

/** Files in the API: as a form, or as base64; both documents' paths. */
export function blobOperations({ blobs, uploads }: BlobServices): readonly AnyOperation[] {
  /** Takes a file in, until a transaction keeps it. */
  async function take(
    tenant: CallTenant,
    query: { folderName?: string },
    incoming: Promise<Upload>,
  ): Promise<Blob> {
    const upload = await incoming;
    const folder = upload.fields['folderName'] ?? query.folderName ?? today();
    if (!FOLDER.test(folder)) {
      await uploads.discard(upload);
      const message = 'folderName: must be 5 to 30 letters or digits';
      const data = [{ field: 'folderName', rule: 'pattern', message: 'must be 5 to 30 letters or digits' }];
      throw new Failure(422, CODES.folderName, { message, data });
    }
    return blobs.keep(upload.file, { tenantId: tenant.id, folder, kind: upload.kind });
  }

  /** An upload is kept with its audit row, and its address answered. */
  const kept = {
    authority: { untouched: 'a file holds no permission and no scope', confined: 'the file is a new one' },
    // Who reads the audit is not to read the file by it.
    target: (_call: unknown, url: string): string => withoutFileNames(url),
    handle: async ({ db, tenant }: { db: TenantDb; tenant: CallTenant }, blob: Blob): Promise<string> => {
      await settleBlob(db, blob);
      return tenant.issuer + blobPath(blob);
    },
  };

  const form = (
    area: typeof blobArea,
    [verb, path]: [verb: string, path: string],
    families: readonly Family[],
    summary: string,
  ): AnyOperation =>
    defineOperation({
      ...area.own(verb, 'POST', path),
      ...kept,
      summary,
      example: { value: '(the file)' },
      schemas: { query: QUERY, body: FORM, answer: URL },
      receive: {
        type: 'multipart/form-data',
        read: (ctx: Context, { tenant, query }) => take(tenant, query, uploads.ofForm(ctx, families)),
      },
    });
  /** What both documents have, at each one's paths. */
  const forms = (area: typeof blobArea, paths: { post: string; image: string }): AnyOperation[] => [
    area.codes(CODES),
    form(
      area,
      ['post', paths.post],
      ['video', 'document'],
      'Upload a video (below 20 MB) or a document (below 10 MB)',
    ),
    form(area, ['image', paths.image], ['image'], 'Upload a JPEG or PNG (below 10 MiB)'),
  ];

  return [
    ...forms(blobArea, { post: '/File', image: '/Image' }),
    ...forms(areaAt('file', '/api/File'), { post: '', image: '/Image' }),
    defineOperation({
      ...blobArea.own('base64', 'POST', '/Base64'),
      ...kept,
      summary: 'Upload a PNG as base64',
      example: { value: A_DOT },
      schemas: { query: QUERY, body: BASE64, answer: URL },
      receive: {
        type: 'application/json',
        read: (ctx: Context, { tenant, query }) => take(tenant, query, uploads.ofPng(ctx)),
      },
    }),
  ];
}
