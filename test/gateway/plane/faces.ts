import type { Context } from 'mocha';
import { addressBook } from '../../../src/gateway/export/addresses.js';
import { exportNginx } from '../../../src/gateway/export/nginx.js';
import type { LiveApi } from '../../../src/gateway/types.js';
import type { Tenant } from '../../../src/tenants/index.js';
import { needsFiles } from '../../support/needs.js';
import { freePort } from '../../support/ports.js';
import { NGINX, startNginx } from '../export/nginx-server.js';

/** How calls reach the data plane: at once, or by a real nginx with the exported configuration. */
export const FACES = ['direct', 'nginx'] as const;
export type Face = (typeof FACES)[number];

const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** Where connections of these tests may go. */
export const REACH = ['127.0.0.1', 'localhost'];

/** Skips what comes through nginx where it is not installed. Call it first in `before`. */
export function needsFace(test: Context, face: Face): void {
  if (face === 'nginx') needsFiles(test, [NGINX, AUTHORITIES], 'nginx-light and ca-certificates');
}

/**
 * What nginx does otherwise than the data plane: the title of the test, and what docs/gateway-exports.md says of it.
 * faces.test.ts sees to it that the page does.
 */
export const BY_NGINX: Readonly<Record<string, string>> = {
  'sends on that the caller takes trailers': 'Trailers and `TE` do not pass',
  'passes trailers of the backend on': 'Trailers and `TE` do not pass',
  'lets interim answers end here': 'Interim answers of backends (103) break the call',
  'refuses an extension with a bare LF, and sends nothing on':
    'nginx takes lines that end with LF alone, and HTTP/0.9',
  'refuses a bare LF, and sends nothing on': 'nginx takes lines that end with LF alone, and HTTP/0.9',
  'refuses a bare LF among headers, and sends nothing on':
    'nginx takes lines that end with LF alone, and HTTP/0.9',
  'refuses no version of HTTP, and sends nothing on':
    'nginx takes lines that end with LF alone, and HTTP/0.9',
  'counts a WebSocket at its end': 'Usage counts them when it decides them',
  'ends all WebSockets when it is asked to': 'WebSockets stay open when Gatehouse stops',
  'takes the name of the server out': 'nginx names itself in `Server` where the backend does not',
  'ends a body that stops for too long':
    '400, 408, 414, 431, 501, 502 and 505 of its own have no problem document',
  "breaks the caller's HTTP/1.0 connection when an answer with chunks breaks off":
    'To callers of HTTP/1.0 an answer that breaks off ends like a whole one',
  'answers HTTP/1.0 without chunks, and closes': '`Via` names HTTP/1.1, whatever the caller speaks',
  'answers 502 to two lengths': 'Answers with two lengths, or with a length and chunks, are written anew',
  'answers 502 to a length and chunks':
    'Answers with two lengths, or with a length and chunks, are written anew',
  'answers 502 to another transfer coding':
    'The transfer coding of an answer other than `chunked` is dropped',
  'answers 502 to a transfer coding without chunks':
    'The transfer coding of an answer other than `chunked` is dropped',
  'answers 502 to no HTTP at all':
    'What is no HTTP, or a change to another protocol, reaches the caller without line ends',
  'answers 502 to another protocol that nobody asked for':
    'What is no HTTP, or a change to another protocol, reaches the caller without line ends',
  'answers 502 to interim answers without end': 'Interim answers of backends (103) break the call',
  'passes an answer on that comes before the body is sent, and stops sending it':
    'The rest of a body that the backend does not take is read, and thrown away',
  'passes many megabytes on unchanged both ways': 'A long body has to be sent before the answer begins',
  'refuses without asking for the body': 'nginx says `100 Continue` itself',
  'drops headers of the connection from answers': '`Upgrade` and headers that `Connection` names pass',
};

/** The rows of the security checklist that a title names. */
const PROVEN_ROWS = / \[SEC-[^\]]*\]/g;

/** `it` for one face: tests of what nginx does otherwise are of the data plane alone. */
export const itThrough =
  (face: Face) =>
  (title: string, test: Mocha.AsyncFunc | Mocha.Func): void => {
    if (face === 'direct' || BY_NGINX[title.replace(PROVEN_ROWS, '')] === undefined) it(title, test);
  };

export interface FrontNginx {
  port: number;
  errors(): string;
  stop(): Promise<void>;
}

/** Starts nginx in front of a data plane at a port of this machine. */
export async function startFront(
  { tenant, apis }: { tenant: Tenant; apis: readonly LiveApi[] },
  { port: behind, certificateHeader }: { port: number; certificateHeader: string },
): Promise<FrontNginx> {
  const port = await freePort();
  const text = await exportNginx(
    { tenant, apis },
    {
      listen: `127.0.0.1:${port}`,
      gatehouse: `http://127.0.0.1:${behind}`,
      certificateHeader,
      authorities: AUTHORITIES,
      addressOf: addressBook(REACH),
    },
  );
  const { errors, stop } = await startNginx(text, port);
  return { port, errors, stop };
}
