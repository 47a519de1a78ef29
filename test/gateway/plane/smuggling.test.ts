import { deepEqual, match, ok } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { dial, drained, until } from '../../support/raw.js';
import { FACES, itThrough, needsFace } from './faces.js';
import { apiOf, documentOf, revisionOf, startPlane, startRawBackend, versionOf } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const REFUSED = {
  direct: /^HTTP\/1\.[01] 400 /,
  nginx: /^HTTP\/1\.[01] (?:400|501|505) /,
};
const POST = 'POST /gateway/orders/items HTTP/1.1\r\nHost: id.example\r\n';

for (const face of FACES)
  describe(`requests that two readers could read in two ways, ${face}`, () => {
    const it = itThrough(face);
    let got = '';
    let sockets: Socket[] = [];
    let backend: TestBackend;
    let plane: TestPlane;

    before(async function () {
      needsFace(this, face);
      backend = await startRawBackend((socket) => {
        sockets.push(socket);
        socket.on('data', (chunk: Buffer) => {
          got += chunk.toString('latin1');
          if (chunk.toString('latin1').startsWith('GET'))
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        });
      });
      const revision = revisionOf(backend.url, documentOf('GET /items', 'POST /items'));
      plane = await startPlane([apiOf(versionOf('', revision))], { through: face });
    });
    beforeEach(() => {
      got = '';
      sockets = [];
    });
    after(async () => {
      await plane?.close();
      await backend?.close();
    });

    async function say(bytes: string): Promise<string> {
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write(bytes, 'latin1');
      return answer;
    }

    const CHUNKED = 'Transfer-Encoding: chunked\r\n';
    for (const [what, bytes] of [
      ['a length with chunks', `${POST}Content-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\nX`],
      ['chunks with a length', `${POST}${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\nX`],
      ['two lengths', `${POST}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`],
      ['two equal lengths', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`],
      ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nabcde`],
      ['a length with a sign', `${POST}Content-Length: +5\r\n\r\nabcde`],
      ['a length in hexadecimal', `${POST}Content-Length: 0x5\r\n\r\nabcde`],
      ['a length that is too large for a number', `${POST}Content-Length: 99999999999999999999\r\n\r\nabcde`],
      ['obsolete line folding', `${POST}X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
      ['folding of the length', `${POST}Content-Length:\r\n 5\r\n\r\nabcde`],
      ['folding of the coding', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
      ['a space before the colon', `${POST}Content-Length : 5\r\n\r\nabcde`],
      ['a tab before the colon', `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`],
      ['a line that begins with a space', `POST /gateway/orders/items HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n`],
      ['a size that is no number', `${POST}${CHUNKED}\r\nxyz\r\nabc\r\n0\r\n\r\n`],
      ['a size with a sign', `${POST}${CHUNKED}\r\n+3\r\nabc\r\n0\r\n\r\n`],
      ['a size with 0x', `${POST}${CHUNKED}\r\n0x3\r\nabc\r\n0\r\n\r\n`],
      ['a size that is too small', `${POST}${CHUNKED}\r\n2\r\nabc\r\n0\r\n\r\n`],
      ['a size that is too large for a number', `${POST}${CHUNKED}\r\n${'f'.repeat(17)}\r\nabc\r\n0\r\n\r\n`],
      ['an extension with a bare LF', `${POST}${CHUNKED}\r\n3;a\nabc\r\n0\r\n\r\n`],
      ['chunked, then identity', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
      ['chunked twice', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
      ['two codings in two lines', `${POST}${CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
      ['another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
      ['a coding that only looks like chunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
      ['a coding with a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`],
      ['chunks of HTTP/1.0', `POST /gateway/orders/items HTTP/1.0\r\n${CHUNKED}\r\n0\r\n\r\n`],
      ['a bare LF', `POST /gateway/orders/items HTTP/1.1\nHost: a\nContent-Length: 0\n\n`],
      ['a bare LF among headers', `${POST}X: 1\nContent-Length: 5\r\n\r\nabcde`],
      ['a bare CR in a value', `${POST}X: 1\rContent-Length: 5\r\n\r\nabcde`],
      ['a NUL in a value', `${POST}X: a\0b\r\nContent-Length: 0\r\n\r\n`],
      ['a NUL in a name', `${POST}X\0: a\r\nContent-Length: 0\r\n\r\n`],
      ['a header without a name', `${POST}: a\r\nContent-Length: 0\r\n\r\n`],
      ['a header without a colon', `${POST}Content-Length\r\n\r\n`],
      ['another version of HTTP', 'POST /gateway/orders/items HTTP/2.0\r\nHost: a\r\n\r\n'],
      ['no version of HTTP', 'GET /gateway/orders/items\r\n\r\n'],
      ['a space in the target', 'GET /gateway/orders/items x HTTP/1.1\r\nHost: a\r\n\r\n'],
    ] as const)
      it(`refuses ${what}, and sends nothing on [SEC-G2]`, async () => {
        const text = await say(bytes);
        match(text, REFUSED[face]);
        deepEqual(text.match(/HTTP\/1\.\d \d{3}/g)?.length, 1);
        ok(!got.includes('items'), got);
      });

    if (face === 'nginx')
      for (const [what, bytes, framing] of [
        ['an extension', `${POST}${CHUNKED}\r\n3;a\nabc\r\n0\r\n\r\n`, 'Content-Length: 3\r\n\r\nabc'],
        ['lines', `POST /gateway/orders/items HTTP/1.1\nHost: a\n\n`, '\r\n\r\n'],
        ['a header', `${POST}X: 1\nContent-Length: 5\r\n\r\nabcde`, 'Content-Length: 5\r\nX: 1\r\n\r\nabcde'],
      ] as const)
        it(`takes a bare LF that ends ${what}, and writes the request anew`, async () => {
          const socket = await dial(plane.port);
          socket.write(bytes, 'latin1');
          await until(() => got.endsWith(framing));
          socket.destroy();
          deepEqual(got.match(/(?:GET|POST) \S+ HTTP/g), ['POST /items HTTP']);
          ok(!/\n(?<!\r\n)/.test(got), got);
        });

    it('breaks both sides off at a bad chunk that comes later [SEC-G2]', async () => {
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write(`${POST}${CHUNKED}\r\n3\r\nabc\r\n`);
      await until(() => got.includes('abc'));
      socket.write('nonsense\r\nGET /admin HTTP/1.1\r\n\r\n');
      await answer;
      await until(() => sockets.every((each) => each.destroyed || each.readableEnded));
      ok(!got.includes('\r\n0\r\n'), got);
      ok(!got.includes('nonsense'), got);
      ok(!got.includes('admin'), got);
    });

    it('takes what follows a body for another request of the caller, not of the backend [SEC-G2]', async () => {
      const first = `GET /gateway/orders/items HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`;
      const text = await say(`${first}GET /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
      ok(!got.includes('admin'), got);
    });

    it('refuses CONNECT', async () => {
      const text = await say('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n');
      ok(!text.includes('200'), text);
      deepEqual(got, '');
    });

    it('refuses TRACE', async () => {
      const text = await say('TRACE /gateway/orders/items HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      match(text, /^HTTP\/1\.1 405 /);
      deepEqual(got, '');
    });
  });
