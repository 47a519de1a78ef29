import assert from 'node:assert/strict';
import type { AnyOperation } from '../../src/api/index.js';
import { CLIENT_SETTINGS } from '../../src/clients/schema.js';
import { isWebAddress } from '../../src/kernel/web-addresses.js';
import { OPERATIONS } from '../../src/management.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import { bodyOf, send } from '../support/http.js';
import { clientToken, perform, type Example } from '../support/management.js';
import { placeOf, someOf } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** How fields are called that hold an address. */
const ADDRESS =
  /ur[il]s?$|^link$|image|picture|photo|avatar|icon|logo$|website|policy$|tos$|^doc$|video|endpoint$|webhook|homepage|registry$/i;
/** Those that have no fragment. */
const CALLED = /redirectUris|jwksUri|logoutUri/i;
/** Fields that are called so: a name in a certificate, and addresses that clients get, which have a test below. */
const COMPARED = ['tlsClientAuthSanUri', 'microServiceRedirectUrls'];

/** What is no address of the web. */
const OTHERS = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'DATA:image/svg+xml,x',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'blob:https://example.com/1',
  'about:blank',
  '\u0001javascript:alert(1)',
  ' javascript:alert(1)',
  'java\tscript:alert(1)',
  '\u0000https://example.com/',
  '//example.com/x',
  'https://',
  'https://example.com/<b>',
  'https://example.com/a\\b',
  'https://example.com/a"b',
  'https://example.com/a\u3000b',
  'https://example.com/a\r\nSet-Cookie:b',
  'https://example.com/\u202egnp.exe',
];

const WITH_USER = 'https://someone:secret@example.com/x';

/** What hides where it leads, or would end a header or a directive of a policy. */
const HIDING = [
  'https:example.com/x',
  'https:/example.com/x',
  'https:///example.com/x',
  'https:。。',
  'https://。。/x',
  'https://example..com/x',
  'https://.example.com/x',
  'https://exam\u200bple.com/x',
  'https://exam\u00adple.com/x',
  'https://example.com\ufe0f/x',
  'https://%65xample.com/x',
  'https://2130706433/x',
  'https://0x7f.1/x',
  'https://a;b.example/x',
  'https://a,b.example/x',
  "https://a'b.example/x",
  'https://a"b.example/x',
  'https://a b.example/x',
  'https://a；b.example/x',
];
const BAD = [...OTHERS, ...HIDING, WITH_USER];

/** What people write of the web in any script. */
const GOOD = [
  'https://app.example.com/good',
  'https://app.example.com/头像.png?为=é#ü',
  "https://app.example.com/it's",
  'https://bücher.example/',
  'https://例子.example:8443/头像.png',
  'https://نامه\u200cای.example/',
  'https://app.example.com./x',
  'https://9.9.9.9:8443/x',
];
/** Where an address has the origin of a redirect URI, no query or no fragment, or has to answer. */
const FEWER: Record<string, (address: string) => boolean> = {
  frontchannelLogoutUri: (address) => address.startsWith('https://app.example.com/'),
  serviceUrl: (address) => !/[?#]/.test(address),
  // Paths are added to these.
  apiUrl: (address) => !/[?#]/.test(address),
  registry: (address) => !/[?#]/.test(address),
  remoteUrl: (address) => !/[?#]/.test(address),
  // It is fetched at once, and nothing answers there.
  swaggerUrl: () => false,
};
const goodFor = (path: Path): string[] =>
  GOOD.filter(FEWER[nameOf(path)] ?? (() => true)).map((address) =>
    CALLED.test(nameOf(path)) ? address.replace(/#.*/, '') : address,
  );

/** Bodies in which the field may stand, where the example has none. */
const AROUND: Record<string, object> = {
  'client.post': { template: 'web', redirectUris: ['https://app.example.com/cb'] },
  'client.put': { grantTypes: ['authorization_code'], redirectUris: ['https://app.example.com/cb'] },
  swaggerUrl: {},
  'codegen.gen.swaggerUrl': { genName: 'gatehouse-koa' },
  endpoint: { driver: 'twilio', accountSid: 'AC1', authToken: 'x', from: '+15550001' },
};

interface Schema {
  type?: string | readonly string[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

type Path = (string | 0)[];

/** Where a schema takes texts: a path of names, with 0 for the first of a list. */
function textsIn(schema: Schema, path: Path = []): Path[] {
  const types = [schema.type ?? []].flat();
  if (types.includes('string')) return [path];
  if (schema.items) return textsIn(schema.items, [...path, 0]);
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => textsIn(inner, [...path, name]));
}

const nameOf = (path: Path): string => path.filter((step) => typeof step === 'string').at(-1) ?? '';
const isAddress = (path: Path): boolean => ADDRESS.test(nameOf(path)) && !COMPARED.includes(nameOf(path));

/** A value at a path, in a copy. Lists on the way have one element. */
function withValue(into: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  if (step === 0) return [withValue(undefined, rest, value)];
  const object = (into ?? {}) as Record<string, unknown>;
  const beside = step === 'urls' ? { type: 'image' } : {};
  return { ...beside, ...object, [step]: withValue(object[step], rest, value) };
}

const FIELDS = OPERATIONS.flatMap((operation) =>
  textsIn((operation.schemas.body ?? {}) as Schema)
    .filter(isAddress)
    .map((path) => ({ operation, path })),
);

for (const kind of STORES)
  describe(`addresses that callers write, on ${kind}`, () => {
    let server: TestServer;
    let token: string;
    let admin: Caller;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false }, codes: { perAddress: 1e6 } });
      token = await clientToken(server, ['isms.all']);
      admin = await administrator(server);
    });
    after(() => server.stop());

    it('are found in the declarations [SEC-R17]', () => {
      assert.deepEqual([...new Set(FIELDS.map(({ path }) => nameOf(path)))].sort(), [
        'apiUrl',
        'avatar',
        'backchannelLogoutUri',
        'clientUri',
        'doc',
        'endpoint',
        'frontchannelLogoutUri',
        'homepage',
        'icon',
        'imageUrl',
        'jwksUri',
        'link',
        'logoUri',
        'policyUri',
        'postLogoutRedirectUris',
        'redirectUris',
        'registry',
        'remoteUrl',
        'serviceUrl',
        'swaggerUrl',
        'tosUri',
        'url',
        'urls',
        'video',
      ]);
    });

    for (const [at, { operation, path }] of FIELDS.entries())
      it(`are of the web: ${operation.id} ${path.join('.')} [SEC-R17]`, async () => {
        const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, token)) ?? {};
        const around = AROUND[`${operation.id}.${nameOf(path)}`] ??
          AROUND[nameOf(path)] ?? {
            ...(example.body as object | undefined),
            ...AROUND[operation.id],
          };
        let isMade = false;
        for (const good of someOf(goodFor(path), at + placeOf(kind))) {
          const taken = await answerTo(operation, example, withValue(around, path, good));
          // The name of the example is taken after the first one.
          assert.ok(taken.status === 200 || (taken.status === 409 && isMade), `${good}: ${taken.text}`);
          isMade = true;
        }
        // A webhook is called by this server alone, and may have a user.
        const refused = operation.id === 'messaging.putsms' ? [...OTHERS, ...HIDING] : BAD;
        for (const bad of someOf(refused, at + placeOf(kind), 6)) {
          const body = withValue(around, path, bad);
          const { status, text } = await answerTo(operation, example, body);
          assert.equal(status, 422, `${bad}: ${text}`);
          assert.ok(text.includes(nameOf(path)), `${bad}: ${text}`);
        }
      });

    async function answerTo(
      operation: AnyOperation,
      example: Example,
      body: unknown,
    ): Promise<{ status: number; text: string }> {
      if (operation.stream) return imported(body);
      const answer = await perform(server, operation, { ...example, body }, { token });
      return { status: answer.status, text: JSON.stringify(answer.body) };
    }

    /** The answer for one line, as a status. */
    async function imported(body: unknown): Promise<{ status: number; text: string }> {
      const { text } = await send(new URL('/api/User/Import', server.issuer), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
        body: JSON.stringify(body),
      });
      const { result } = JSON.parse(text) as { result: string };
      return { status: result === 'refused' ? 422 : 200, text };
    }

    const SETTINGS = textsIn({ properties: CLIENT_SETTINGS.properties });
    for (const [at, path] of SETTINGS.filter(isAddress).entries()) {
      const name = nameOf(path).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      it(`are of the web where an application registers itself: ${name} [SEC-R17]`, async () => {
        const made = await admin.done('POST', '/api/Client/RegistrationTokens', { uses: 100 });
        for (const bad of someOf(BAD, at + placeOf(kind), 6)) {
          const metadata = {
            redirect_uris: ['https://app.example.com/callback'],
            [name]: path.includes(0) ? [bad] : bad,
          };
          const { status, text } = await send(new URL('/connect/register', server.issuer), {
            method: 'POST',
            headers: { authorization: `Bearer ${made['token']}`, 'content-type': 'application/json' },
            body: JSON.stringify(metadata),
          });
          assert.equal(status, 400, `${bad}: ${text}`);
        }
      });
    }

    it('are of the web where a tenant says what it shows [SEC-R17]', async () => {
      const place = { name: 'shown', hosts: ['shown.example.com'] };
      const { id } = await admin.done('POST', '/api/Tenant', place);
      for (const [at, name] of ['WebSite', 'PortalSite', 'AdminSite', 'Favicon', 'logo'].entries()) {
        for (const bad of someOf(BAD, at + placeOf(kind), 6)) {
          const body = { id, properties: { [name]: bad } };
          assert.equal((await admin.ask('PUT', '/api/Tenant', body)).status, 422, `${name} ${bad}`);
        }
        const body = { name: `tenant-${name}`, hosts: [`${name.toLowerCase()}.example.com`] };
        const made = await admin.ask('POST', '/api/Tenant', { ...body, properties: { [name]: BAD[0] } });
        assert.equal(made.status, 422, name);
      }
    });

    it('are of the web where they are claims of a user’s own [SEC-R17]', async () => {
      for (const [at, type] of ['picture', 'profile', 'website'].entries()) {
        for (const value of someOf(BAD, at + placeOf(kind), 6))
          assert.equal(
            (await admin.ask('POST', '/api/User', { claims: [{ type, value }] })).status,
            422,
            `${type} ${value}`,
          );
        await admin.done('POST', '/api/User', { claims: [{ type, value: 'https://example.com/me' }] });
      }
    });

    it('are of the web where a service brings them to a client [SEC-R17]', async () => {
      const redirectUris = ['https://app.example.com/cb'];
      const { clientId } = await admin.done('POST', '/api/Client', { template: 'web', redirectUris });
      for (const bad of someOf(BAD, placeOf(kind))) {
        const service = {
          microServiceName: `service-${Math.random().toString(36).slice(2)}`,
          microServiceClientIDs: [clientId],
          microServiceRedirectUrls: [bad],
        };
        assert.equal((await admin.ask('POST', '/api/ApiResource/Import', service)).status, 422, bad);
      }
    });

    it('are not origins that would end a header or a policy [SEC-R17]', async () => {
      for (const origin of [
        ...['https://a;b.example', 'https://a,b.example', "https://a'b.example"],
        ...['https://..', 'https://a..b.example', 'https://a\u200bb.example', 'https:a.example'],
      ]) {
        const body = { template: 'machine', corsOrigins: [origin] };
        assert.equal((await admin.ask('POST', '/api/Client', body)).status, 422, origin);
      }
    });

    it('have no letter in the host that browsers drop, of all that there are [SEC-R17]', () => {
      const shown: string[] = [];
      for (let code = 0x80; code <= 0x10ffff; code++) {
        const address = `https://a${String.fromCodePoint(code)}b.example/`;
        if (URL.parse(address)?.hostname === 'ab.example' && isWebAddress(address)) shown.push(address);
      }
      assert.deepEqual(shown, []);
    });

    it('of native applications stay: their own schemes, and this machine [SEC-R17]', async () => {
      for (const uri of [
        'com.example.app:/cb',
        'com.example.app://cb/x',
        'http://127.0.0.1:8123/cb',
        'http://[::1]/cb',
      ])
        await admin.done('POST', '/api/Client', { template: 'native', redirectUris: [uri] });
      for (const uri of [
        ...['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///x', 'blob:https://x.example/1'],
        ...['about:blank', 'com.example.app://someone@host/cb', 'com.example.app://a;b/cb'],
      ]) {
        const body = { template: 'native', redirectUris: [uri] };
        assert.equal((await admin.ask('POST', '/api/Client', body)).status, 422, uri);
      }
    });

    it('of the web are taken, in any case and with a port', async () => {
      for (const avatar of [
        'https://example.com/a.png',
        'HTTP://example.com:8080/a?b=c#d',
        'https://[2001:db8::1]/',
      ])
        await admin.done('POST', '/api/User', { avatar });
    });

    it('that are older than the rules can be read [SEC-R17]', async () => {
      const { id } = await admin.done('POST', '/api/User', { avatar: 'https://example.com/me.png' });
      const avatar = 'javascript:alert(1)';
      await server.change((db) => db.from('users').where({ id }).update({ avatar }));
      assert.equal((await admin.done('GET', `/api/User/${String(id)}`))['avatar'], avatar);
    });

    it('that are older and no addresses of the web are told to no application [SEC-R17]', async () => {
      const secret = await server.addClient('reader', {
        grantTypes: ['password'],
        scopes: ['openid', 'profile'],
      });
      await server.addUser({ userName: 'old', avatar: 'https://example.com/me.png' });
      const form = { grant_type: 'password', username: 'old', password: PASSWORD, scope: 'openid profile' };
      const about = async (): Promise<Record<string, unknown>> => {
        const { body } = await server.post('/connect/token', form, server.basic('reader', secret));
        const headers = { authorization: `Bearer ${String(body['access_token'])}` };
        return bodyOf(await send(new URL('/connect/userinfo', server.issuer), { headers }));
      };
      assert.equal((await about())['picture'], 'https://example.com/me.png');
      const claims = JSON.stringify([{ type: 'website', value: 'javascript:alert(2)' }]);
      await server.change((db) =>
        db.from('users').where({ user_name: 'old' }).update({ avatar: 'javascript:alert(1)', claims }),
      );
      const { picture, website, name } = await about();
      assert.deepEqual([picture, website, name], [undefined, undefined, 'old']);
    });
  });
