/**
 * `validateRequest`: query, headers and bodies by the document of a revision.
 * The checks of an operation (`OperationCheck`) are compiled at its first call and kept while there is room.
 * A request that cannot be checked is refused, with the reason: it must never pass unchecked.
 * The body is read whole and goes on byte for byte; what a check made of it stays here.
 */
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { hasBody } from '../../../kernel/request.js';
import type { Problem } from '../../plane/problem.js';
import { endToEndHeaders } from '../../plane/request-headers.js';
import type { CompiledOperation, LiveRevision, PolicySteps } from '../../types.js';
import { DocumentPartError, type DocumentReader } from '../openapi/reader.js';
import { openReaders, type ReaderOf } from '../openapi/readers.js';
import type { RequestError } from './errors.js';
import { openOperationCheck, type OperationCheck } from './operation-check.js';
import { contentOf, readBody, refuseUnread } from './request-body.js';
import { TooMuchWork } from './validators.js';

export interface ValidatedRequest {
  request: IncomingMessage;
  /** As it was sent, without `?`. */
  query: string | undefined;
  operation: CompiledOperation;
  revision: Pick<LiveRevision, 'openapi'>;
  /** How long the caller may send nothing of its body. */
  idleMs: number;
  /** Asks a caller that waits for it to send its body (100 Continue). */
  askForBody(): void;
}

/** The body, where the request has one and it was read; or why the request is refused. */
export type Validated = { body: Buffer | undefined } | { problem: Problem };

export interface RequestValidation {
  /** It rejects where the caller breaks its body off. */
  validate(
    step: Required<NonNullable<PolicySteps['validateRequest']>>,
    call: ValidatedRequest,
  ): Promise<Validated>;
}

/** So many schemas are kept compiled, of all APIs together. */
const MOST_KEPT = 30_000;
const MOST_ERRORS = 20;

type Found = OperationCheck | DocumentPartError;

export function openRequestValidation(readerOf: ReaderOf = openReaders()): RequestValidation {
  // Operations are objects of one document: another document, though it says the same, has others.
  const kept = new LRUCache<CompiledOperation, Found>({
    maxSize: MOST_KEPT,
    sizeCalculation: (found) => ('size' in found ? found.size : 1),
  });
  const made = new Map<CompiledOperation, Promise<Found>>();

  async function make(operation: CompiledOperation, revision: ValidatedRequest['revision']): Promise<Found> {
    try {
      const found = open(await readerOf(revision), operation);
      kept.set(operation, found);
      return found;
    } finally {
      made.delete(operation);
    }
  }

  function find(
    operation: CompiledOperation,
    revision: ValidatedRequest['revision'],
  ): Found | Promise<Found> {
    const known = kept.get(operation) ?? made.get(operation);
    if (known) return known;
    const making = make(operation, revision);
    made.set(operation, making);
    return making;
  }

  return {
    async validate(step, call) {
      const check = await find(call.operation, call.revision);
      if (check instanceof DocumentPartError) return { problem: uncheckable(check) };
      const { query, request } = call;
      const headers = endToEndHeaders(request);
      const problem = guarded(() => {
        check.begin();
        return [...(step.query ? check.query(query) : []), ...(step.headers ? check.headers(headers) : [])];
      });
      if (problem) return { problem };
      return step.body ? validateBody(check, call, headers, step.maxBytes) : { body: undefined };
    },
  };
}

function open(reader: DocumentReader, operation: CompiledOperation): Found {
  try {
    return openOperationCheck(reader, operation);
  } catch (error) {
    if (error instanceof DocumentPartError) return error;
    throw error;
  }
}

const uncheckable = ({ message }: DocumentPartError): Problem => ({
  word: 'invalid-request',
  detail: `Requests of this operation cannot be checked by the API's document: ${message}. Ask its publisher to correct it.`,
});

const NO_BODY: Problem = {
  word: 'media-type',
  detail: 'This operation takes no body. Send the request without one.',
};
const NO_TYPE: Problem = {
  word: 'media-type',
  detail:
    'Send the body in a media type that the document has for this operation, in UTF-8, with its Content-Type.',
};

async function validateBody(
  check: OperationCheck,
  call: ValidatedRequest,
  headers: Readonly<Record<string, string>>,
  most: number,
): Promise<Validated> {
  const { request } = call;
  if (!hasBody(request))
    return check.needsBody
      ? { problem: refused([{ in: 'body', message: 'is missing' }]) }
      : { body: undefined };
  if (!check.takesBody) return { problem: NO_BODY };
  const checkBody = check.body(headers['content-type']);
  if (!checkBody) return { problem: NO_TYPE };
  const unread = refuseUnread(headers, most);
  if (unread) return { problem: unread };
  call.askForBody();
  const body = await readBody(request, most, call.idleMs);
  if (!Buffer.isBuffer(body)) return { problem: body };
  const content = await contentOf(body, headers['content-encoding'], most);
  if (!Buffer.isBuffer(content)) return { problem: content };
  const problem = guarded(() => {
    check.begin();
    return content.length === 0 && !check.needsBody ? [] : checkBody(content);
  });
  return problem ? { problem } : { body };
}

/** Runs checks. What costs too much, or recurses without end by the document's schemas, is refused as well. */
function guarded(run: () => RequestError[]): Problem | undefined {
  try {
    const errors = run();
    return errors.length === 0 ? undefined : refused(errors.slice(0, MOST_ERRORS));
  } catch (error) {
    if (error instanceof TooMuchWork || error instanceof RangeError)
      return {
        word: 'invalid-request',
        detail: 'The request is too large to be checked by the document. Send less at once.',
      };
    throw error;
  }
}

function refused(errors: readonly RequestError[]): Problem {
  const [first] = errors;
  const where = [first?.in, first?.name, first?.pointer].filter(Boolean).join(' ');
  return {
    word: 'invalid-request',
    detail: `The request does not fit the API's document: ${where} ${first?.message ?? ''}.`,
    extensions: { errors },
  };
}
