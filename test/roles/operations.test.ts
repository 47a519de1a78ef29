import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import {
  call,
  clientToken,
  operation,
  perform,
  userToken,
  type ApiAnswer,
  type ApiRequest,
} from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`roles over REST, on ${kind}`, () => {
    let server: TestServer;
    let token: string;

    before(async () => {
      server = await startServer(kind);
      token = await clientToken(server, ['isms.all']);
    });
    after(() => server.stop());

    const ask = (
      method: string,
      path: string,
      json?: unknown,
      more: Partial<ApiRequest> = {},
    ): Promise<ApiAnswer> => call(server, { method, path, json, token, ...more });
    const made = async (body: Record<string, unknown>): Promise<Record<string, unknown>> => {
      const answer = await ask('POST', '/api/Role', body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.data;
    };
    const names = ({ body }: ApiAnswer): unknown[] =>
      (body['data'] as { name: string }[]).map(({ name }) => name);

    it('are made, read, changed and deleted, in the one envelope', async () => {
      const { id, createdAt } = await made({ name: 'auditor', displayName: 'Auditor' });
      const read = await ask('GET', `/api/Role/${String(id)}`);
      assert.deepEqual(read.body, {
        code: 200,
        codeName: 'Status200OK',
        message: '',
        data: {
          id,
          builtIn: null,
          name: 'auditor',
          displayName: 'Auditor',
          description: null,
          claims: [],
          owner: null,
          createdAt,
          updatedAt: createdAt,
        },
      });
      assert.match(String(createdAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const changed = await ask('PUT', '/api/Role', {
        id,
        displayName: null,
        description: 'Looks at everything',
      });
      assert.deepEqual(
        [changed.data['name'], changed.data['displayName'], changed.data['description']],
        ['auditor', null, 'Looks at everything'],
      );
      assert.deepEqual((await ask('DELETE', `/api/Role/${String(id)}`)).body['data'], { id });
      assert.equal((await ask('GET', `/api/Role/${String(id)}`)).status, 404);
    });

    it('are found at paths in any case', async () => {
      assert.equal((await ask('GET', '/API/role')).status, 200);
      assert.equal((await ask('GET', '/api/ROLE/codes', undefined, { token: undefined })).status, 200);
    });

    it('have names of their own: of two at the same moment one is made', async () => {
      const answers = await Promise.all([1, 2, 3].map(() => ask('POST', '/api/Role', { name: 'once' })));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409]);
      const refused = answers.find(({ status }) => status === 409);
      assert.deepEqual([refused?.body['code'], refused?.body['codeName']], [500001, 'Role_NameExists']);
      const { id } = await made({ name: 'twice' });
      assert.equal((await ask('PUT', '/api/Role', { id, name: 'once' })).body['code'], 500001);
    });

    it('are changed by nobody who has not seen the last change', async () => {
      const { id } = await made({ name: 'contested' });
      const etag = (await ask('GET', `/api/Role/${String(id)}`)).headers.get('etag') ?? '';
      const change = (displayName: string, ifMatch: string): Promise<ApiAnswer> =>
        ask('PUT', '/api/Role', { id, displayName }, { headers: { 'if-match': ifMatch } });
      const answers = await Promise.all(['A', 'B', 'C'].map((each) => change(each, etag)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412]);
      const won = answers.find(({ status }) => status === 200);
      const read = await ask('GET', `/api/Role/${String(id)}`);
      assert.equal(read.data['displayName'], won?.data['displayName']);
      assert.equal((await change('D', read.headers.get('etag') ?? '')).status, 200);
      const stale = await ask('DELETE', `/api/Role/${String(id)}`, undefined, {
        headers: { 'if-match': etag },
      });
      assert.equal(stale.status, 412);
      const known = {
        'if-none-match': (await ask('GET', `/api/Role/${String(id)}`)).headers.get('etag') ?? '',
      };
      assert.equal((await ask('GET', `/api/Role/${String(id)}`, undefined, { headers: known })).status, 304);
    });

    it('are kept while users have them, unless they are to be taken from them', async () => {
      const { id } = await made({ name: 'worn' });
      await server.addUser({ userName: 'wearer-1', roles: ['worn'] });
      await server.addUser({ userName: 'wearer-2', roles: ['worn'] });
      const refused = await ask('DELETE', `/api/Role/${String(id)}`);
      assert.deepEqual(
        [refused.status, refused.body['code'], refused.body['data']],
        [409, 500002, { users: 2 }],
      );
      assert.equal((await ask('DELETE', `/api/Role/${String(id)}?cascade=true`)).status, 200);
    });

    it('give permissions only that the giver has [SEC-X1]', async () => {
      const claims = [{ type: 'permission', value: 'isms.user.delete' }];
      const few = await userToken(server, ['isms.all'], ['isms.role.all']);
      const refused = await ask('POST', '/api/Role', { name: 'climber', claims }, { token: few });
      assert.deepEqual(
        [refused.status, refused.body['data']],
        [403, { missing: 'permission', name: 'isms.user.delete' }],
      );
      const { id } = await made({ name: 'climber' });
      assert.equal((await ask('PUT', '/api/Role', { id, claims }, { token: few })).status, 403);
      const own = [{ type: 'permission', value: 'isms.role.get' }];
      assert.equal((await ask('PUT', '/api/Role', { id, claims: own }, { token: few })).status, 200);
      assert.equal((await ask('PUT', '/api/Role', { id, claims })).status, 200);
    });

    it('take what they give from the next call on, and take it back as well [SEC-18]', async () => {
      const claims = [{ type: 'permission', value: 'isms.role.get' }];
      const { id } = await made({ name: 'reader' });
      await server.addUser({ userName: 'reading', roles: ['reader'] });
      const reader = await userToken(server, ['isms.role.get'], []);
      assert.equal((await ask('GET', '/api/Role', undefined, { token: reader })).status, 403);
      const key = (await server.context.store.knex('users').orderBy('created_at', 'desc').first()) as {
        id: string;
      };
      await server.change((db) => db.insert('user_roles', { user_id: key.id, role_id: String(id) }));
      assert.equal((await ask('GET', '/api/Role', undefined, { token: reader })).status, 403);
      await ask('PUT', '/api/Role', { id, claims });
      assert.equal((await ask('GET', '/api/Role', undefined, { token: reader })).status, 200);
      await ask('PUT', '/api/Role', { id, claims: [] });
      assert.equal((await ask('GET', '/api/Role', undefined, { token: reader })).status, 403);
    });

    const builtIn = async (): Promise<Record<string, Record<string, unknown>>> => {
      const rows = (await ask('GET', '/api/Role?take=100')).body['data'] as Record<string, unknown>[];
      return Object.fromEntries(
        rows.filter((row) => row['builtIn'] !== null).map((row) => [String(row['builtIn']), row]),
      );
    };

    it('say which of them are built in', async () => {
      const roles = await builtIn();
      assert.deepEqual(
        Object.entries(roles)
          .map(([kind, { name }]) => [kind, name])
          .sort(),
        [
          ['administrator', 'administrator'],
          ['developer', 'developer'],
          ['partner', 'partner'],
          ['user', 'user'],
        ],
      );
      const { id } = roles['user'] ?? {};
      const refused = await ask('PUT', '/api/Role', { id, builtIn: 'administrator' });
      assert.equal(refused.status, 422);
    });

    it('that are built in can not be deleted, renamed or not [SEC-R2]', async () => {
      const { id } = (await builtIn())['partner'] ?? {};
      await ask('PUT', '/api/Role', { id, name: 'ally' });
      for (const query of ['', '?cascade=true']) {
        const refused = await ask('DELETE', `/api/Role/${String(id)}${query}`);
        assert.deepEqual([refused.status, refused.body['codeName']], [409, 'Role_BuiltIn']);
      }
      const renamed = await ask('PUT', '/api/Role', { id, name: 'partner' });
      assert.equal(renamed.data['builtIn'], 'partner');
    });

    it('give newcomers the role that is built in for them, whatever roles are called [SEC-R2]', async () => {
      const { user, administrator: strongest } = await builtIn();
      const few = await userToken(server, ['isms.all'], ['isms.role.put']);
      const rename = (id: unknown, name: string): Promise<ApiAnswer> =>
        ask('PUT', '/api/Role', { id, name }, { token: few });
      assert.equal((await rename(user?.['id'], 'user-old')).status, 200);
      assert.equal((await rename(strongest?.['id'], 'user')).status, 403);
      const { id: namesake } = await made({
        name: 'user',
        claims: [{ type: 'permission', value: 'isms.all' }],
      });
      const example = await EXAMPLES['user.register']?.(server, server.home.tenant, '');
      const { data } = await perform(server, operation('user.register'), example ?? {});
      const newcomer = await ask('GET', `/api/User/${String(data['id'])}`);
      assert.deepEqual(newcomer.data['roleNames'], ['user-old']);
      await ask('DELETE', `/api/Role/${String(namesake)}?cascade=true`);
      assert.equal((await rename(user?.['id'], 'user')).status, 200);
    });

    it('are meant by their ids, whatever other roles are called [SEC-R2]', async () => {
      const { id } = await made({ name: 'meant' });
      await made({ name: String(id), claims: [{ type: 'permission', value: 'isms.all' }] });
      const user = await ask('POST', '/api/User', { userName: 'bearer-of-meant', roles: [id] });
      assert.deepEqual(user.data['roleNames'], ['meant']);
    });

    it('are listed page by page, forwards and backwards, by any column, and by part of the name', async () => {
      for (const letter of ['a', 'b', 'c', 'd', 'e']) await made({ name: `paged-${letter}` });
      const first = await ask('GET', '/api/Role?orderby=name&asc=true&take=2&q.name=PAGED-');
      assert.deepEqual(names(first), ['paged-a', 'paged-b']);
      assert.deepEqual([first.body['total'], first.body['skip'], first.body['take']], [5, 0, 2]);
      const second = await ask(
        'GET',
        `/api/Role?orderby=name&asc=true&take=2&q.name=paged-&after=${String(first.body['next'])}`,
      );
      assert.deepEqual(names(second), ['paged-c', 'paged-d']);
      const skipped = await ask('GET', '/api/Role?orderby=name&take=2&skip=3&q.name=paged-');
      assert.deepEqual([names(skipped), skipped.body['next']], [['paged-b', 'paged-a'], undefined]);
      assert.deepEqual(names(await ask('GET', '/api/Role?q.name=%25')), []);
      assert.deepEqual(names(await ask('GET', '/api/Role?q.name=paged-&endTime=2020-01-01T00:00:00Z')), []);
    });

    it('write down who changed what, without the values', async () => {
      const { id } = await made({ name: 'written', description: 'not in the audit' });
      const row = (await server.context.store
        .knex('audit')
        .where({ event: 'role.post', target: String(id) })
        .first()) as Record<string, string>;
      assert.equal(row['result'], 'success');
      assert.match(String(row['client_id']), /^caller-/);
      assert.deepEqual(JSON.parse(String(row['detail'])), { fields: ['name', 'description'] });
    });

    it('refuse what can not be, name the field, and change nothing [SEC-48]', async () => {
      const before = (await ask('GET', '/api/Role')).body['total'];
      const problem = async (body: unknown): Promise<unknown> => {
        const answer = await ask('POST', '/api/Role', body);
        assert.equal(answer.status, 422, JSON.stringify(answer.body));
        return (answer.body['data'] as { field: string; rule: string }[]).map(
          ({ field, rule }) => `${field} ${rule}`,
        );
      };
      assert.deepEqual(await problem({}), ['name required']);
      assert.deepEqual(await problem({ name: 'x', colour: 'red' }), ['colour unknown']);
      assert.deepEqual(await problem({ name: 'with space' }), ['name pattern']);
      assert.deepEqual(await problem({ name: 'x'.repeat(101) }), ['name maxLength']);
      assert.deepEqual(await problem({ name: 'x', displayName: 'a\u0000b' }), ['displayName pattern']);
      assert.deepEqual(await problem({ name: 'x', displayName: 'a\ud800' }), ['displayName pattern']);
      assert.deepEqual(await problem({ name: 'x', displayName: '\u202egnp.exe' }), ['displayName pattern']);
      assert.deepEqual(await problem({ name: 'x', claims: [{ type: 'a' }] }), ['claims/0/value required']);
      assert.deepEqual(await problem(JSON.parse('{"name":"x","__proto__":{"id":"1"}}')), [
        '__proto__ unknown',
      ]);
      assert.deepEqual(await problem([]), [' type']);
      for (const query of [
        'take=101',
        'take=0',
        'skip=-1',
        'orderby=secret',
        'foo=1',
        'q.foo=1',
        'after=x',
        'asc=maybe',
      ])
        assert.equal((await ask('GET', `/api/Role?${query}`)).status, 422, query);
      assert.equal((await ask('GET', '/api/Role')).body['total'], before);
    });

    it('answer bodies that are none: 400 with the position, 413, 415', async () => {
      const post = (text: string, type = 'application/json'): Promise<ApiAnswer> =>
        call(server, { method: 'POST', path: '/api/Role', token, headers: { 'content-type': type }, text });
      const broken = await post('{"name":"x",}');
      assert.deepEqual(
        [broken.status, broken.body['code'], broken.body['message']],
        [400, 400, 'the body is not JSON from character 12 on'],
      );
      assert.equal((await post('')).status, 400);
      assert.equal((await post('name=x', 'application/x-www-form-urlencoded')).status, 415);
      assert.equal(
        (await post(JSON.stringify({ name: 'x', description: 'x'.repeat(1024 * 1024) }))).status,
        413,
      );
    });

    it('take a body that begins with a byte order mark', async () => {
      const { status } = await call(server, {
        method: 'POST',
        path: '/api/Role',
        token,
        headers: { 'content-type': 'application/json' },
        text: '\uFEFF{"name":"marked"}',
      });
      assert.equal(status, 200);
    });

    it('do not know ids that are none', async () => {
      for (const id of [
        '-1',
        '99999999999999999999',
        'abc',
        encodeURIComponent('\u202e'),
        '%00',
        '%ff',
        'a'.repeat(65),
      ])
        assert.ok([400, 404, 422].includes((await ask('GET', `/api/Role/${id}`)).status), id);
    });
  });
