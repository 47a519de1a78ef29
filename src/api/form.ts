import type { IncomingMessage } from 'node:http';
import { piecesUpTo } from './body.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i;
/** More than any form of the API has. */
const LARGEST_FORM = 8 * 1024;

/** The media types of forms: those of browsers (RFC 8058, 3.2). */
export const FORM_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data'] as const;

/** Reads a form as browsers and mail programs send it; a field that came twice is a list. @throws Failure: 415, 413, 400 */
export async function readForm(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers['content-type'] ?? '';
  if (!FORM_TYPE.test(type))
    throw new Failure(415, BASIC.unsupportedMediaType, {
      message: `send the body as ${FORM_TYPES.join(' or ')}`,
    });
  const chunks: Buffer[] = [];
  for await (const chunk of piecesUpTo(LARGEST_FORM, request, 'a form')) chunks.push(chunk);
  // The platform's own parser reads both types.
  const body = new Response(Buffer.concat(chunks), { headers: { 'content-type': type } });
  const form = await body.formData().catch(() => {
    throw new Failure(400, BASIC.error, { message: 'the form is not whole' });
  });
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  );
}
