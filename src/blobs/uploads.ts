import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import formOfKoa from '@koa/multer';
import type { Context } from 'koa';
import multer from 'multer';
import pLimit from 'p-limit';
import { Failure, parseJson, type Code } from '../api/index.js';
import { StoreUnavailable } from '../kernel/errors.js';
import { bodyGoesOn } from '../kernel/slow-bodies.js';
import { whenClosed } from '../kernel/when-closed.js';
import { BLOB_CODES as CODES } from './codes.js';
import { diskError } from './disk-errors.js';
import { LARGEST, type Family, type Kind } from './content/kinds.js';
import { plainPicture } from './content/plain-picture.js';
import { kindOfFile } from './content/sniff.js';
import { TooMuchWork, Work } from './content/work.js';
import { TooLarge, type Spool, type Spooled } from './spool.js';

/** A file that came in, and what it is. */
export interface Upload {
  file: Spooled;
  kind: Kind;
  /** The form's other fields. */
  fields: Record<string, string>;
  /** Aborted when the caller has left. */
  signal: AbortSignal;
}

/** The part of a form that the file is in. */
export const FILE_PART = 'value';

const refusal = (
  status: number,
  code: Code,
  message: string,
  headers: Record<string, string> = {},
): Failure => new Failure(status, code, { message, headers });

/** The rest of what is too large is not read. */
const CLOSE = { Connection: 'close' };

const tooLarge = (limit: number): Failure =>
  refusal(413, CODES.tooLarge, `the file may have ${limit} bytes`, CLOSE);

const broken = (why: string): Failure => refusal(400, CODES.broken, why, CLOSE);

/** The caller has left; nothing more is done for the upload. */
class Left extends Error {}

/** Aborted when a request's caller leaves before the answer is out. */
function signalOf({ res }: Context): AbortSignal {
  const controller = new AbortController();
  whenClosed(res, () => {
    if (!res.writableFinished) controller.abort(new Left());
  });
  return controller.signal;
}

/** What an upload's error means. */
function failureOf(thrown: unknown): unknown {
  const error = diskError(thrown);
  if (error instanceof Failure || error instanceof StoreUnavailable) return error;
  if (error instanceof Left) return broken('the upload was cut off');
  if (error instanceof TooLarge) return tooLarge(error.limit);
  if (error instanceof multer.MulterError)
    return refusal(422, CODES.missing, `send one file, in the part "${FILE_PART}" (${error.message})`, CLOSE);
  const { message = '', code } = error as NodeJS.ErrnoException;
  if (code?.startsWith('E') || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return code === 'ECONNABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE'
      ? broken('the upload was cut off')
      : error;
  if (/form|multipart|boundary|part|header/i.test(message))
    return broken(`the form is not whole: ${message}`);
  return error;
}

/**
 * Files of requests. Whatever becomes of one, nothing of it is left where it is refused.
 * @throws Failure: 400 for a form that is not whole, 413, 415 for a kind that is not taken, 422
 */
export interface Uploads {
  /** Of a form (`multipart/form-data`), where the file is the part `value`. */
  ofForm(ctx: Context, families: readonly Family[]): Promise<Upload>;
  /** A PNG of a JSON body: a string of base64, or an object that has it as `value`. */
  ofPng(ctx: Context): Promise<Upload>;
  /**
   * The picture of an upload, in its place, without what else its file tells (content/plain-picture.ts).
   * @throws Failure: 400 where the caller has left, 415 where it is no picture that can be read
   */
  plain(upload: Upload): Promise<Upload>;
  discard(upload: Upload): Promise<void>;
}

interface Form {
  /** Bytes. */
  largest: number;
  taken?: Promise<Spooled>;
  failed(error: unknown): void;
}

/** Which way up a picture is and the mark of its end may be said anew. */
const MOST_ADDED = 100;

/** Base64 is read whole, so only so many at once. */
const WHOLE_AT_ONCE = 2;

export function openUploads(spool: Spool): Uploads {
  const limit = pLimit(WHOLE_AT_ONCE);

  /** What goes on in a request: multer knows the request alone. */
  const forms = new WeakMap<IncomingMessage, Form>();
  /** multer's disk is the spool. */
  const storage: multer.StorageEngine = {
    _handleFile(request, file, done) {
      const form = forms.get(request) as Form;
      form.taken = spool.take(file.stream, form.largest, () => bodyGoesOn(request));
      form.taken.then(
        (taken) => done(null, taken),
        (error: unknown) => {
          form.failed(error);
          done(error);
        },
      );
    },
    _removeFile(_request, file, done) {
      spool.discard(file).then(() => done(null), done);
    },
  };
  const parse = formOfKoa({
    storage: storage as unknown as formOfKoa.StorageEngine,
    limits: { files: 1, fields: 8, parts: 9, fieldSize: 1000, headerPairs: 20 },
  }).single(FILE_PART) as (ctx: Context, next: () => Promise<void>) => Promise<unknown>;
  const largestOf = (families: readonly Family[]): number =>
    Math.max(...families.map((family) => LARGEST[family]));

  /** Says what it is, or refuses it and takes it out. */
  async function judged(
    { file, fields, signal }: Omit<Upload, 'kind'>,
    taken: (kind: Kind) => boolean,
    wanted: string,
  ): Promise<Upload> {
    try {
      const kind = await kindOfFile(file.path, new Work(signal));
      if (!kind || !taken(kind)) throw refusal(415, CODES.typeNotAllowed, `the content is no ${wanted}`);
      if (file.size > LARGEST[kind.family]) throw tooLarge(LARGEST[kind.family]);
      return { file, kind, fields, signal };
    } catch (error) {
      await spool.discard(file);
      throw failureOf(error);
    }
  }

  async function ofForm(ctx: Context, families: readonly Family[]): Promise<Upload> {
    const signal = signalOf(ctx);
    const form: Form = { largest: largestOf(families), failed: () => undefined };
    // multer would read all that still comes before it says what was wrong.
    const failed = new Promise<never>((_resolve, reject) => (form.failed = reject));
    forms.set(ctx.req, form);
    try {
      await Promise.race([parse(ctx, async () => undefined), failed]);
    } catch (error) {
      const left = await form.taken?.catch(() => undefined);
      if (left) await spool.discard(left);
      throw failureOf(error);
    }
    const file = ctx['file'] as unknown as Spooled | undefined;
    if (!file) throw refusal(422, CODES.missing, `send the file as the part "${FILE_PART}" of a form`);
    const body = (ctx.request as unknown as { body?: Record<string, unknown> }).body ?? {};
    const fields = Object.entries(body).filter(
      (field): field is [string, string] => typeof field[1] === 'string',
    );
    return judged(
      { file, fields: Object.fromEntries(fields), signal },
      ({ family }) => families.includes(family),
      families.join(' or '),
    );
  }

  /** The text of base64 in a JSON body, and its fields. */
  function valueIn(json: unknown): { value: string; fields: Record<string, string> } {
    if (typeof json === 'string') return { value: json, fields: {} };
    const { value, ...rest } = (json ?? {}) as Record<string, unknown>;
    if (typeof value !== 'string')
      throw refusal(422, CODES.missing, 'send a string of base64, or { "value": "…" }');
    const fields = Object.entries(rest).filter(
      (field): field is [string, string] => typeof field[1] === 'string',
    );
    return { value, fields: Object.fromEntries(fields) };
  }

  function bytesOf(value: string): Buffer {
    const text = value.replace(/^data:[\w/+.-]{1,100};base64,/, '');
    const bytes = Buffer.from(text, 'base64');
    // The platform reads whatever it can; what is not read back the same was not base64.
    if (bytes.length === 0 || bytes.toString('base64') !== text)
      throw refusal(422, CODES.notBase64, 'the value is not base64 (RFC 4648, 4)');
    return bytes;
  }

  async function ofPng(ctx: Context): Promise<Upload> {
    const largest = LARGEST.image;
    const asText = Math.ceil(largest / 3) * 4 + 4096;
    if (!/^application\/json\b/i.test(ctx.get('Content-Type')))
      throw refusal(415, CODES.broken, 'send the body as application/json');
    const signal = signalOf(ctx);
    const came = await spool
      .take(ctx.req, asText, () => bodyGoesOn(ctx.req))
      .catch((error: unknown) => {
        throw error instanceof TooLarge ? tooLarge(largest) : failureOf(error);
      });
    try {
      return await limit(async () => {
        const { value, fields } = valueIn(parseJson(await readFile(came.path, 'utf8')));
        const bytes = bytesOf(value);
        if (bytes.length > largest) throw tooLarge(largest);
        await writeFile(came.path, bytes, { flush: true });
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const file = { path: came.path, size: bytes.length, sha256 };
        return judged({ file, fields, signal }, (kind) => kind.ext === 'png', 'PNG');
      });
    } catch (error) {
      await spool.discard(came);
      throw diskError(error);
    }
  }

  async function plain(upload: Upload): Promise<Upload> {
    const { file, kind, signal } = upload;
    try {
      const parts = plainPicture(file.path, kind.ext === 'png' ? 'png' : 'jpg', new Work(signal));
      return { ...upload, file: await spool.take(Readable.from(parts), file.size + MOST_ADDED) };
    } catch (error) {
      if (error instanceof TooMuchWork || error instanceof TooLarge)
        throw refusal(415, CODES.typeNotAllowed, 'the picture has more parts than pictures have');
      throw failureOf(error);
    } finally {
      await spool.discard(file);
    }
  }

  return { ofForm, ofPng, plain, discard: ({ file }) => spool.discard(file) };
}
