import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { compound, docx, jpeg, mp4, pdf, png, PNG_SIGNATURE, zip } from '../support/files.js';
import { asForm, call, clientToken, type ApiAnswer } from '../support/management.js';
import { send, sendForBytes, type HeardBytes } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const MIB = 1024 * 1024;

for (const kind of STORES)
  describe(`files, on ${kind}`, () => {
    let server: TestServer;
    let token: string;
    before(async () => {
      server = await startServer(kind);
      token = await clientToken(server, ['isms.all']);
    });
    after(() => server.stop());

    const upload = (path: string, body: unknown, query = ''): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path: `/api/${path}${query}`, token, ...asForm(body) });
    const base64 = (json: unknown): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path: '/api/Blob/Base64', token, json });
    const urlOf = ({ status, body }: ApiAnswer): URL => {
      assert.equal(status, 200, JSON.stringify(body));
      return new URL(body['data'] as string);
    };
    /** Unlike fetch, it adds nothing of its own to a conditional request. */
    const get = (url: URL, headers: Record<string, string> = {}, method = 'GET'): Promise<HeardBytes> =>
      sendForBytes(url, { headers, method });
    const folder = (name: string): string => join(server.context.config.dataDir, 'files', name);
    const filesIn = (name: string): string[] => {
      try {
        return readdirSync(folder(name), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => entry.name);
      } catch {
        return [];
      }
    };
    const rows = (): Promise<Data[]> => server.context.store.knex<Data>('blobs').orderBy('created_at');
    /** What a refusal leaves: nothing, neither on disk nor in the store. */
    async function leavesNothing(work: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
      const before = [filesIn('kept').length, (await rows()).length];
      const answer = await work();
      assert.deepEqual([filesIn('kept').length, (await rows()).length], before);
      assert.deepEqual(filesIn('incoming'), []);
      return answer;
    }

    describe('are taken', () => {
      const TAKEN: [what: string, path: string, bytes: Buffer, ext: string, type: string][] = [
        ['a PNG', 'Blob/Image', png(), 'png', 'image/png'],
        ['a JPEG', 'Blob/Image', jpeg(), 'jpg', 'image/jpeg'],
        ['a PDF', 'Blob/File', pdf(), 'pdf', 'application/pdf'],
        [
          'a new Word document',
          'Blob/File',
          docx(),
          'docx',
          'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        ],
        ['an old Word document', 'Blob/File', compound('WordDocument'), 'doc', 'application/msword'],
        ['an old Excel sheet', 'Blob/File', compound('Workbook'), 'xls', 'application/vnd.ms-excel'],
        ['a video', 'Blob/File', mp4(), 'mp4', 'video/mp4'],
        ['a PNG at the older path', 'File/Image', png(), 'png', 'image/png'],
        ['a PDF at the older path', 'File', pdf(), 'pdf', 'application/pdf'],
      ];
      for (const [what, path, bytes, ext, type] of TAKEN)
        it(`${what}, and can be read again as what it is`, async () => {
          const url = urlOf(await upload(path, { value: bytes }));
          assert.match(url.pathname, new RegExp(`^/files/\\d{8}/[A-Za-z0-9_-]{22}\\.${ext}$`));
          const answer = await get(url);
          assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, type]);
          assert.deepEqual(answer.bytes, bytes);
        });

      it('into the folder that the form or the address names', async () => {
        assert.match(
          urlOf(await upload('Blob/Image', { folderName: 'avatars1', value: png() })).pathname,
          /^\/files\/avatars1\//,
        );
        assert.match(
          urlOf(await upload('Blob/Image', { value: png() }, '?folderName=avatars2')).pathname,
          /^\/files\/avatars2\//,
        );
        assert.match(
          urlOf(await upload('Blob/Image', { value: png(), folderName: 'avatars3' })).pathname,
          /^\/files\/avatars3\//,
        );
      });

      it('as base64: a string, an object, a data URL', async () => {
        const text = png().toString('base64');
        for (const body of [
          text,
          { value: text },
          { value: `data:image/png;base64,${text}`, folderName: 'drawn' },
        ]) {
          const answer = await get(urlOf(await base64(body)));
          assert.deepEqual(answer.bytes, png());
        }
      });

      it('just below the limit', async () => {
        urlOf(await upload('Blob/Image', { value: png(10 * MIB - 200) }));
        urlOf(await upload('Blob/File', { value: mp4(20_000_000 - 1) }));
        urlOf(await upload('Blob/File', { value: pdf(10_000_000 - 1) }));
        urlOf(await base64(png(9 * MIB).toString('base64')));
      });

      it('by the word of either document, and nobody without one', async () => {
        for (const scope of ['isms.blob.image', 'isms.file.image', 'isms.file.all', 'ids4.ms.file.image']) {
          const own = await clientToken(server, [scope]);
          const answer = await call(server, {
            method: 'POST',
            path: '/api/Blob/Image',
            token: own,
            ...asForm({ value: png() }),
          });
          assert.equal(answer.status, 200, scope);
        }
        const other = await clientToken(server, ['isms.blob.post']);
        const refused = await call(server, {
          method: 'POST',
          path: '/api/Blob/Image',
          token: other,
          ...asForm({ value: png() }),
        });
        assert.equal(refused.status, 403);
      });
    });

    describe('are refused, with nothing left behind', () => {
      const script = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
      const REFUSED: [what: string, path: string, body: unknown, status: number, code: number][] = [
        [
          'a PNG header on an executable',
          'Blob/Image',
          { value: Buffer.concat([PNG_SIGNATURE, Buffer.from('MZ\x90\x00'), Buffer.alloc(5000, 9)]) },
          415,
          800002,
        ],
        ['a PNG whose end is missing', 'Blob/Image', { value: png().subarray(0, -12) }, 415, 800002],
        [
          'a JPEG header on a script',
          'Blob/Image',
          { value: Buffer.from('\xff\xd8\xff\xe0<script>', 'latin1') },
          415,
          800002,
        ],
        ['an SVG', 'Blob/Image', { value: script }, 415, 800002],
        [
          'HTML',
          'Blob/File',
          { value: Buffer.from('<!doctype html><script>alert(1)</script>') },
          415,
          800002,
        ],
        [
          'an executable',
          'Blob/File',
          { value: Buffer.concat([Buffer.from('MZ'), Buffer.alloc(1000)]) },
          415,
          800002,
        ],
        ['an archive that is no document', 'Blob/File', { value: zip({ 'evil.exe': 'MZ' }) }, 415, 800002],
        [
          'an installer, which is a compound file as well',
          'Blob/File',
          { value: compound('Installer') },
          415,
          800002,
        ],
        ['a PDF as an image', 'Blob/Image', { value: pdf() }, 415, 800002],
        ['a PNG as a document', 'Blob/File', { value: png() }, 415, 800002],
        ['an empty file', 'Blob/Image', { value: Buffer.alloc(0) }, 415, 800002],
        ['an image that is too large', 'Blob/Image', { value: png(10 * MIB) }, 413, 800003],
        ['a video that is too large', 'Blob/File', { value: mp4(20_000_000) }, 413, 800003],
        ['a document that is too large', 'Blob/File', { value: pdf(10_000_000) }, 413, 800003],
        ['a folder with a way out', 'Blob/Image', { folderName: '../x', value: png() }, 422, 800004],
        ['a folder whose name is too short', 'Blob/Image', { folderName: 'abcd', value: png() }, 422, 800004],
        ['a file in another part', 'Blob/Image', { image: png() }, 422, 800001],
        ['no file', 'Blob/Image', { value: 'text' }, 422, 800001],
        ['two files', 'Blob/Image', { value: png(), other: png() }, 422, 800001],
      ];
      for (const [what, path, body, status, code] of REFUSED)
        it(`${what} [SEC-49]`, async () => {
          const answer = await leavesNothing(() => upload(path, body));
          assert.deepEqual([answer.status, answer.body['code']], [status, code], JSON.stringify(answer.body));
        });

      it('a folder with a way out in the address', async () => {
        const answer = await leavesNothing(() =>
          upload('Blob/Image', { value: png() }, '?folderName=..%2Fx'),
        );
        assert.equal(answer.status, 422);
      });

      it('base64 that is not', async () => {
        for (const value of ['not base64!', 'QUJ', '', png().toString('base64').slice(0, -3)]) {
          const answer = await leavesNothing(() => base64({ value }));
          assert.deepEqual([answer.status, answer.body['code']], [422, 800005], value);
        }
      });

      it('base64 of something else than a PNG, of too much, of nothing', async () => {
        const answers = [
          await leavesNothing(() => base64(jpeg().toString('base64'))),
          await leavesNothing(() => base64(png(10 * MIB).toString('base64'))),
          await leavesNothing(() => base64({ picture: 'AAAA' })),
          await leavesNothing(() =>
            call(server, {
              method: 'POST',
              path: '/api/Blob/Base64',
              token,
              text: '{"value":',
              headers: { 'content-type': 'application/json' },
            }),
          ),
        ];
        assert.deepEqual(
          answers.map(({ status }) => status),
          [415, 413, 422, 400],
        );
      });

      it('a form without an end', async () => {
        const { bytes, headers } = asForm({ value: png() });
        const answer = await leavesNothing(() =>
          call(server, {
            method: 'POST',
            path: '/api/Blob/Image',
            token,
            bytes: bytes.subarray(0, -20),
            headers: headers,
          }),
        );
        assert.deepEqual([answer.status, answer.body['code']], [400, 800006]);
      });

      it('what is no form', async () => {
        const answer = await leavesNothing(() =>
          call(server, { method: 'POST', path: '/api/Blob/Image', token, json: { value: 'x' } }),
        );
        assert.equal(answer.status, 422);
      });

      it('an upload that is cut in the middle [SEC-49]', async () => {
        const { bytes, headers } = asForm({ value: mp4(5_000_000) });
        const socket = connect(server.port, '127.0.0.1');
        socket.write(
          `POST /api/Blob/File HTTP/1.1\r\nHost: ${new URL(server.issuer).host}\r\nAuthorization: Bearer ${token}\r\n` +
            `Content-Type: ${headers?.['content-type']}\r\nContent-Length: ${bytes?.length}\r\n\r\n`,
        );
        const before = (await rows()).length;
        await new Promise<void>((resolve) =>
          socket.write(bytes?.subarray(0, 2_000_000) ?? '', () => resolve()),
        );
        while (filesIn('incoming').length === 0) await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
        while (filesIn('incoming').length > 0) await new Promise((resolve) => setImmediate(resolve));
        assert.equal((await rows()).length, before);
      });

      it('more than the limit, before all of it has come [SEC-49]', async () => {
        const { headers } = asForm({});
        const size = 500_000_000;
        const socket = connect(server.port, '127.0.0.1');
        socket.on('error', () => undefined);
        const heard = new Promise<string>((resolve) =>
          socket.once('data', (data) => resolve(data.toString())),
        );
        socket.write(
          `POST /api/Blob/File HTTP/1.1\r\nHost: ${new URL(server.issuer).host}\r\nAuthorization: Bearer ${token}\r\n` +
            `Content-Type: ${headers?.['content-type']}\r\nContent-Length: ${size}\r\n\r\n` +
            '--gatehouse-boundary\r\nContent-Disposition: form-data; name="value"; filename="f"\r\n\r\n',
        );
        socket.write(mp4(21_000_000));
        assert.match(await heard, /^HTTP\/1\.1 413 /);
        socket.destroy();
        while (filesIn('incoming').length > 0) await new Promise((resolve) => setImmediate(resolve));
      });
    });

    describe('are served', () => {
      it('so that a browser guesses nothing and runs nothing [SEC-49]', async () => {
        const image = await get(urlOf(await upload('Blob/Image', { value: png() })));
        assert.equal(image.headers.get('x-content-type-options'), 'nosniff');
        assert.match(image.headers.get('content-disposition') ?? '', /^inline/);
        assert.match(image.headers.get('content-security-policy') ?? '', /default-src 'none'; sandbox/);
        const document = await get(urlOf(await upload('Blob/File', { value: pdf() })));
        assert.match(document.headers.get('content-disposition') ?? '', /^attachment/);
      });

      it('with a strong ETag, to who has another version only', async () => {
        const url = urlOf(await upload('Blob/Image', { value: png() }));
        const first = await get(url);
        const etag = first.headers.get('etag') ?? '';
        assert.equal(etag, `"${createHash('sha256').update(png()).digest('hex').slice(0, 32)}"`);
        assert.match(first.headers.get('cache-control') ?? '', /immutable/);
        assert.equal((await get(url, { 'if-none-match': etag })).status, 304);
        assert.equal((await get(url, { 'if-none-match': '"another"' })).status, 200);
      });

      it('in pieces', async () => {
        const bytes = mp4(1000);
        const url = urlOf(await upload('Blob/File', { value: bytes }));
        const etag = (await get(url, {}, 'HEAD')).headers.get('etag') ?? '';
        const piece = await get(url, { range: 'bytes=10-19' });
        assert.deepEqual([piece.status, piece.headers.get('content-range')], [206, 'bytes 10-19/1000']);
        assert.deepEqual(piece.bytes, bytes.subarray(10, 20));
        const tail = await get(url, { range: 'bytes=-5' });
        assert.deepEqual(tail.bytes, bytes.subarray(995));
        const beyond = await get(url, { range: 'bytes=1000-' });
        assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */1000']);
        assert.equal((await get(url, { range: 'bytes=0-1', 'if-range': etag })).status, 206);
        assert.equal((await get(url, { range: 'bytes=0-1', 'if-range': '"another"' })).status, 200);
        assert.equal((await get(url, { range: 'bytes=0-1,5-6' })).status, 200);
      });

      it('to HEAD with everything but the bytes', async () => {
        const answer = await get(urlOf(await upload('Blob/Image', { value: png() })), {}, 'HEAD');
        assert.deepEqual([answer.status, answer.headers.get('content-length')], [200, String(png().length)]);
      });

      it('and are closed again, however little of them was wanted', async function () {
        if (!existsSync('/proc/self/fd')) return this.skip();
        const url = urlOf(await upload('Blob/File', { value: mp4(5_000_000) }));
        const open = (): number =>
          readdirSync('/proc/self/fd').filter((fd) => {
            try {
              return readlinkSync(`/proc/self/fd/${fd}`).endsWith(url.pathname.split('/').at(-1) ?? '');
            } catch {
              return false;
            }
          }).length;
        await get(url, {}, 'HEAD');
        await get(url, { range: 'bytes=0-9' });
        const socket = connect(server.port, '127.0.0.1');
        socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
        await new Promise((resolve) => socket.once('data', resolve));
        socket.destroy();
        while (open() > 0) await new Promise((resolve) => setImmediate(resolve));
      });

      it('by their own tenant alone [SEC-49]', async () => {
        const url = urlOf(await upload('Blob/Image', { value: png() }));
        const name = `files-${kind}`;
        await server.addTenant(name, `${name}.localhost:${server.port}`);
        const elsewhere = await send(new URL(url.pathname, `http://${name}.localhost:${server.port}`));
        assert.equal(elsewhere.status, 404);
      });

      it('and nothing else is: no way out, no other folder', async () => {
        const url = urlOf(await upload('Blob/Image', { value: png() }));
        const name = url.pathname.split('/').at(-1) ?? '';
        for (const path of [
          `/files/other1/${name}`,
          `/files/${name}`,
          '/files/..%2f..%2fmaster.key',
          '/files/20260101/../../x',
        ])
          assert.equal((await send(new URL(path, server.issuer))).status, 404, path);
      });
    });

    describe('are swept', () => {
      it('where an upload was stored and never kept [SEC-49]', async () => {
        const url = urlOf(await upload('Blob/Image', { value: png() }));
        const name = url.pathname.split('/').at(-1) ?? '';
        await server.context.store
          .knex('blobs')
          .where({ name })
          .update({ expires_at: Date.now() - 1 });
        assert.equal((await get(url)).status, 404);
        await server.sweepFiles();
        assert.ok(!filesIn('kept').includes(name));
        assert.deepEqual(await server.context.store.knex('blobs').where({ name }), []);
      });

      it('with their tenant', async () => {
        const host = `gone-${kind}.localhost:${server.port}`;
        const tenant = await server.addTenant(`Gone ${kind}`, host);
        await server.refresh();
        const own = await clientToken(server, ['isms.all'], tenant);
        const answer = await call(server, {
          method: 'POST',
          path: '/api/Blob/Image',
          token: own,
          tenant,
          ...asForm({ value: png() }),
        });
        const name = urlOf(answer).pathname.split('/').at(-1) ?? '';
        assert.ok(filesIn('kept').includes(name));
        const path = `/api/Tenant/${tenant.id}?confirm=${encodeURIComponent(tenant.name)}`;
        assert.equal((await call(server, { method: 'DELETE', path, token })).status, 200);
        await server.sweepFiles();
        assert.ok(!filesIn('kept').includes(name));
      });
    });
  });
