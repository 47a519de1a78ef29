import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { STORES } from '../support/config.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { importedLines, clientToken, userToken, type ApiAnswer } from '../support/management.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const permissions = (...words: string[]): { claims: object[] } => ({
  claims: words.map((value) => ({ type: 'permission', value })),
});

for (const kind of STORES)
  describe(`what a confined developer cannot reach through names, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let made = 0;
    let name: string;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
    });
    beforeEach(() => {
      name = `n${++made}`;
    });
    after(() => server.stop());

    interface Developer extends Caller {
      token: string;
      userKey: string;
    }
    const developer = async (...words: string[]): Promise<Developer> => {
      const token = await userToken(server, words, words, undefined, ['developer']);
      return { ...caller(server, token), token, userKey: String(decodeJwt(token).sub) };
    };
    const refused = (answer: ApiAnswer, missing: string, what: string): void =>
      assert.deepEqual(
        [answer.status, answer.body['data']],
        [403, { missing, name: what }],
        JSON.stringify(answer.body),
      );
    const idOf = async ({ userKey }: Developer): Promise<string> => {
      const users = (await admin.ask('GET', '/api/User?q.name=user-of')).body['data'] as Data[];
      return users.find((user) => user['userKey'] === userKey)?.['id'] as string;
    };
    const claimsAt = async (path: string): Promise<unknown> =>
      ((await admin.done('GET', path))['claims'] as Data[]).map(({ value }) => value as unknown);
    const builtIn = async (which: string): Promise<Data> =>
      ((await admin.ask('GET', `/api/Role?q.name=${which}`)).body['data'] as Data[]).find(
        (role) => role['builtIn'] === which,
      ) as Data;

    const imported = ({ token }: Developer, lines: readonly object[]): Promise<unknown[]> =>
      importedLines(server, token, lines);

    describe('words of the management API', () => {
      for (const reserved of ['ids4', 'IDS4', 'ids4.shop', 'Isms', 'ISMS.shop', 'Ids4.Ms'])
        it(`makes no API "${reserved}", by a call or an import, and nobody else does [SEC-R1]`, async () => {
          const few = await developer('isms.apiresource.post', 'isms.apiresource.import');
          for (const { ask } of [few, admin])
            for (const answer of [
              await ask('POST', '/api/ApiResource', { name: reserved }),
              await ask('POST', '/api/ApiResource/Import', { microServiceName: reserved }),
            ])
              assert.deepEqual(
                [answer.status, (answer.body['data'] as Data[])[0]?.['field']],
                [422, 'name'],
                JSON.stringify(answer.body),
              );
        });

      it('takes none of them away with an API "ids4" from before [SEC-R1] [SEC-R3]', async () => {
        const words = ['isms.apiresource.post', 'isms.apiresource.delete', 'isms.apiresource.put'];
        const one = await developer(...words);
        const role = await admin.done('POST', '/api/Role', {
          name,
          ...permissions('ids4.ms.all', 'ids4.buy'),
        });
        const boss = await admin.done('POST', '/api/User', { userName: name, ...permissions('ids4.ms.all') });
        await server.addApi('ids4', ['ids4.read'], { owner: one.userKey } as object);
        const [api] = (await admin.ask('GET', '/api/ApiResource?q.name=ids4')).body['data'] as [Data];
        assert.equal(api['owner'], one.userKey);
        await one.done('PUT', '/api/ApiResource', { id: api['id'], scopes: [{ name: 'write' }] });
        assert.deepEqual((await one.ask('DELETE', `/api/ApiResource/${api['id']}`)).body['data'], {
          roles: 1,
          users: 0,
        });
        await one.done('DELETE', `/api/ApiResource/${api['id']}?cascade=true`);
        assert.deepEqual(await claimsAt(`/api/Role/${role['id']}`), ['ids4.ms.all']);
        assert.deepEqual(await claimsAt(`/api/User/${boss['id']}`), ['ids4.ms.all']);
      });
    });

    describe('things of users', () => {
      const WORDS = ['isms.user.all', 'isms.client.all'];
      const leaving = async (): Promise<Data> => {
        const former = await admin.done('POST', '/api/User', { userName: name });
        await admin.done('POST', '/api/Client', { template: 'machine', owner: former['userKey'] });
        return former;
      };

      it('changes no user who owns something and is no developer, so as to have it [SEC-R4]', async () => {
        const { ask } = await developer(...WORDS);
        const { id, userKey } = await leaving();
        for (const change of [
          { password: 'horse9battery9staple9', roles: ['developer'], ...permissions(...WORDS) },
          { roles: ['developer'] },
          { password: 'horse9battery9staple9' },
          { email: `${name}@example.com` },
        ])
          refused(await ask('PUT', '/api/User', { id, ...change }), 'owner', userKey);
        refused(await ask('DELETE', `/api/User/${id}`), 'owner', userKey);
        await admin.done('DELETE', `/api/User/${id}`);
        refused(await ask('DELETE', `/api/User/${id}?erase=true`), 'owner', userKey);
      });

      it('makes a developer, of a new user or of one who owns nothing', async () => {
        const { done } = await developer(...WORDS);
        const given = { roles: ['developer'], ...permissions(...WORDS) };
        await done('POST', '/api/User', { userName: `${name}-new`, password: PASSWORD, ...given });
        const { id } = await admin.done('POST', '/api/User', { userName: name });
        await done('PUT', '/api/User', { id, password: PASSWORD, ...given });
      });
    });

    it('changes the own user, to whom an administrator has given words of others [SEC-R4]', async () => {
      const one = await developer('isms.user.put');
      const id = await idOf(one);
      const words = ['isms.user.put', 'theirs.buy'];
      await admin.done('PUT', '/api/User', { id, ...permissions(...words) });
      await one.done('PUT', '/api/User', { id, nickName: 'Mine', ...permissions(...words) });
      const more = permissions(...words, 'theirs.sell');
      refused(await one.ask('PUT', '/api/User', { id, ...more }), 'owner', 'theirs.sell');
      await one.done('PUT', '/api/User', { id, ...permissions('isms.user.put') });
      refused(await one.ask('PUT', '/api/User', { id, ...permissions(...words) }), 'owner', 'theirs.buy');
    });

    describe('words that are in use', () => {
      const WORDS = ['isms.apiresource.all', 'isms.client.put'];
      const USES: Record<string, () => Promise<Data>> = {
        'a role': () => admin.done('POST', '/api/Role', { name, ...permissions(`${name}.cancel`) }),
        'a user': () => admin.done('POST', '/api/User', { userName: name, ...permissions(`${name}.a.b`) }),
        'a client': () =>
          admin.done('POST', '/api/Client', { template: 'machine', scopes: [`${name}.read`] }),
        'a client that serves it': () =>
          admin.done('POST', '/api/Client', { template: 'machine', resources: [name] }),
        'a registration token': () =>
          admin.done('POST', '/api/Client/RegistrationTokens', { scopes: [`${name}.read`] }),
      };
      for (const [what, use] of Object.entries(USES))
        it(`makes no API, by a call or an import, whose words ${what} has [SEC-R4]`, async () => {
          await use();
          const { ask } = await developer(...WORDS);
          refused(await ask('POST', '/api/ApiResource', { name }), 'owner', name);
          refused(await ask('POST', '/api/ApiResource/Import', { microServiceName: name }), 'owner', name);
          await admin.done('POST', '/api/ApiResource', { name });
        });

      it('makes an API whose name only resembles the words, or that is above or below an own one', async () => {
        const { done } = await developer(...WORDS, 'isms.role.post');
        await admin.done('POST', '/api/Role', { name, ...permissions(`${name}x.cancel`, name) });
        await done('POST', '/api/ApiResource', { name: `${name}.orders` });
        await done('POST', '/api/Role', { name: `${name}-b`, ...permissions(`${name}.orders.cancel`) });
        await done('POST', '/api/ApiResource', { name });
        await done('POST', '/api/ApiResource', { name: `${name}.orders.late` });
      });

      it('makes no API above another’s [SEC-R4]', async () => {
        await admin.done('POST', '/api/ApiResource', { name: `${name}.orders` });
        const { ask } = await developer(...WORDS);
        refused(await ask('POST', '/api/ApiResource', { name }), 'owner', `${name}.orders`);
      });

      it('makes one of two APIs at once of which one is above the other, and two owners do [SEC-R4]', async () => {
        const [one, two] = [await developer(...WORDS), await developer(...WORDS)];
        for (let round = 0; round < 10; round += 1) {
          const top = `${name}-${round}`;
          const answers = await Promise.all([
            one.ask('POST', '/api/ApiResource', { name: top }),
            two.ask('POST', '/api/ApiResource', { name: `${top}.orders` }),
          ]);
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403]);
        }
      });
    });

    describe('names that MQTT knows', () => {
      let devices: DeviceApi;
      const WORDS = ['isms.user.all', 'isms.client.all'];
      before(async () => {
        devices = await deviceApi(server);
      });
      const RULES = [{ topic: 'secret/#', action: 'pub', access: 'allow' }];
      const KEPT: Record<string, () => Promise<{ status: number }>> = {
        'rules of a user name': () => devices.call('PUT', `acl/username/${name}`, RULES),
        'rules of a client identifier': () => devices.call('PUT', `acl/clientid/${name}`, RULES),
        'a credential of a user name': () =>
          devices.call('POST', 'auth_username', { username: name, password: 'x' }),
        'a credential of a client identifier': () =>
          devices.call('POST', 'auth_clientid', { clientid: name, password: 'x' }),
      };
      for (const [what, keep] of Object.entries(KEPT))
        it(`gives no user and no client a name for which there is ${what} [SEC-R8]`, async () => {
          assert.equal((await keep()).status, 200);
          const one = await developer(...WORDS);
          const { id } = await one.done('POST', '/api/User', { userName: `${name}-plain` });
          for (const answer of [
            await one.ask('PUT', '/api/User', { id: await idOf(one), userName: name }),
            await one.ask('PUT', '/api/User', { id, userName: name }),
            await one.ask('POST', '/api/User', { userName: name }),
            await one.ask('POST', '/api/Client', { clientId: name, template: 'machine' }),
          ])
            refused(answer, 'permission', 'isms.all');
          const lines = [{ userName: name }, { userName: `${name}-other` }];
          assert.deepEqual(await imported(one, lines), ['refused', 'created']);
          await admin.done('POST', '/api/User', { userName: name });
        });

      it('changes no user of such a name, and the own one as before [SEC-R8]', async () => {
        const one = await developer(...WORDS);
        const theirs = await admin.done('POST', '/api/User', { userName: name });
        await devices.call('PUT', `acl/username/${name}`, RULES);
        await devices.call('PUT', `acl/username/${one.userKey}`, RULES);
        const change = { id: theirs['id'], password: 'horse9battery9staple9' };
        refused(await one.ask('PUT', '/api/User', change), 'permission', 'isms.all');
        await one.done('PUT', '/api/User', { id: await idOf(one), nickName: 'Mine' });
      });

      it('holds back no administrator of few words', async () => {
        await devices.call('PUT', `acl/username/${name}`, RULES);
        const few = caller(server, await clientToken(server, ['isms.user.post']));
        await few.done('POST', '/api/User', { userName: name });
      });
    });

    describe('roles', () => {
      const WORDS = ['isms.user.all', 'isms.role.all', 'isms.apiresource.all'];
      const EVERYBODYS = 'permission';

      for (const which of ['user', 'partner', 'developer'])
        it(`changes the built-in role "${which}" for nobody [SEC-R4]`, async () => {
          const { ask } = await developer(...WORDS);
          const { id, claims } = await builtIn(which);
          for (const change of [{ claims: [] }, { name }, { displayName: 'Changed' }, { claims }])
            refused(await ask('PUT', '/api/Role', { id, ...change }), EVERYBODYS, 'isms.all');
        });

      it('makes, changes and deletes no role that has no word of an own API [SEC-R4]', async () => {
        const { ask, done } = await developer(...WORDS);
        await done('POST', '/api/ApiResource', { name });
        const vip = await admin.done('POST', '/api/Role', { name: `vip-${name}` });
        const own = permissions(`${name}.cancel`);
        for (const answer of [
          await ask('PUT', '/api/Role', { id: vip['id'], ...own }),
          await ask('DELETE', `/api/Role/${vip['id']}?cascade=true`),
          await ask('POST', '/api/Role', { name }),
        ])
          refused(answer, EVERYBODYS, 'isms.all');
        const { id } = await done('POST', '/api/Role', { name, ...own });
        await done('PUT', '/api/Role', { id, name: `${name}-b` });
        await done('DELETE', `/api/Role/${id}`);
      });

      it('gives nobody a role that is only a name, and changes nobody who has one [SEC-R4]', async () => {
        const one = await developer(...WORDS);
        const { ask } = one;
        const role = `accountant-${name}`;
        await admin.done('POST', '/api/Role', { name: role });
        const own = await idOf(one);
        const { id: plain } = await admin.done('POST', '/api/User', { userName: name });
        for (const [word, answer] of [
          [role, await ask('PUT', '/api/User', { id: own, roles: ['developer', role] })],
          ['partner', await ask('PUT', '/api/User', { id: own, roles: ['developer', 'partner'] })],
          [role, await ask('PUT', '/api/User', { id: plain, roles: [role] })],
          [role, await ask('POST', '/api/User', { userName: `${name}-b`, roles: [role] })],
        ] as const)
          refused(answer, 'role', word);
        const lines = [
          { userName: `${name}-c`, roles: [role] },
          { userName: `${name}-d`, roles: ['user'] },
        ];
        assert.deepEqual(await imported(one, lines), ['refused', 'created']);
        await admin.done('PUT', '/api/User', { id: plain, roles: [role] });
        const change = { id: plain, password: 'horse9battery9staple9' };
        refused(await ask('PUT', '/api/User', change), 'role', role);
      });

      it('gives the roles for newcomers and developers, those with own words, and those that they have', async () => {
        const one = await developer(...WORDS);
        const role = `clerk-${name}`;
        await admin.done('POST', '/api/Role', { name: role });
        const id = await idOf(one);
        await admin.done('PUT', '/api/User', { id, roles: ['developer', role] });
        await one.done('PUT', '/api/User', { id, nickName: 'Mine', roles: ['developer', 'user', role] });
        await one.done('POST', '/api/ApiResource', { name });
        await one.done('POST', '/api/Role', { name, ...permissions(`${name}.cancel`) });
        for (const [n, roles] of [['user'], ['developer', 'user'], [name, role]].entries())
          await one.done('POST', '/api/User', { userName: `${name}-${n}`, roles });
        await one.done('PUT', '/api/User', { id, roles: ['developer'] });
      });
    });

    describe('roles of their own', () => {
      const WORDS = ['isms.user.all', 'isms.role.all', 'isms.apiresource.all'];
      const own = (): { claims: object[] } => permissions(`${name}.cancel`);
      const withRole = async (): Promise<{ one: Developer; api: Data; role: Data }> => {
        const one = await developer(...WORDS);
        const api = await one.done('POST', '/api/ApiResource', { name });
        return { one, api, role: await one.done('POST', '/api/Role', { name: `clerk-${name}`, ...own() }) };
      };
      const taken = ({ status, body }: ApiAnswer): void =>
        assert.deepEqual([status, body['codeName']], [409, 'Role_NameExists'], JSON.stringify(body));

      it('belong to the developer who made them, and to nobody where an administrator did', async () => {
        const { one, role } = await withRole();
        const theirs = await admin.done('POST', '/api/Role', { name: `${name}-b` });
        assert.deepEqual([role['owner'], theirs['owner']], [one.userKey, null]);
        const { id } = role;
        for (const owner of [null, 'somebody'])
          assert.equal((await one.done('PUT', '/api/Role', { id, owner }))['owner'], one.userKey);
        assert.equal((await admin.done('PUT', '/api/Role', { id, owner: null }))['owner'], null);
        assert.equal((await one.done('PUT', '/api/Role', { id, owner: one.userKey }))['owner'], null);
      });

      for (const builtInName of ['Administrator', 'DEVELOPER', 'User', 'administrator'])
        it(`are not called "${builtInName}" [SEC-R4]`, async () => {
          const { one, role } = await withRole();
          taken(await one.ask('POST', '/api/Role', { name: builtInName, ...own() }));
          taken(await one.ask('PUT', '/api/Role', { id: role['id'], name: builtInName }));
        });

      it('are called like no built-in role that has another name by now [SEC-R4]', async () => {
        const { one } = await withRole();
        const { id } = await builtIn('partner');
        await admin.done('PUT', '/api/Role', { id, name: `ally-${name}` });
        taken(await one.ask('POST', '/api/Role', { name: 'Partner', ...own() }));
        taken(await one.ask('POST', '/api/Role', { name: `ALLY-${name}`, ...own() }));
        await admin.done('PUT', '/api/Role', { id, name: 'partner' });
      });

      it('are called like no other role in another case, and their own names may change case [SEC-R4]', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        await admin.done('POST', '/api/Role', { name: `vip-${name}` });
        taken(await one.ask('POST', '/api/Role', { name: `VIP-${name}`, ...own() }));
        taken(await one.ask('PUT', '/api/Role', { id, name: `Vip-${name}` }));
        await one.done('PUT', '/api/Role', { id, name: `CLERK-${name}` });
        await admin.done('POST', '/api/Role', { name: `Vip-${name}` });
      });

      it('are one where two developers take a name at once that differs in case [SEC-R4]', async () => {
        const { one } = await withRole();
        const two = await developer(...WORDS);
        await two.done('POST', '/api/ApiResource', { name: `${name}-two` });
        for (let round = 0; round < 10; round += 1) {
          const answers = await Promise.all([
            one.ask('POST', '/api/Role', { name: `pair-${name}-${round}`, ...own() }),
            two.ask('POST', '/api/Role', {
              name: `PAIR-${name}-${round}`,
              ...permissions(`${name}-two.read`),
            }),
          ]);
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
        }
      });

      it('are theirs after their API has gone, with the users who have them', async () => {
        const { one, api, role } = await withRole();
        const { id } = role;
        const user = await one.done('POST', '/api/User', { userName: name, roles: [id] });
        await one.done('DELETE', `/api/ApiResource/${api['id']}?cascade=true`);
        assert.deepEqual(await claimsAt(`/api/Role/${id}`), []);
        await one.done('PUT', '/api/Role', { id, displayName: 'Clerk' });
        await one.done('PUT', '/api/User', { id: user['id'], nickName: 'Clerk', roles: ['user', id] });
        await one.done('PUT', '/api/User', { id: await idOf(one), roles: ['developer', id] });
        await one.done('POST', '/api/ApiResource', { name });
        await one.done('PUT', '/api/Role', { id, ...own() });
        await one.done('DELETE', `/api/Role/${id}?cascade=true`);
        await one.done('DELETE', `/api/User/${user['id']}`);
      });

      it('are emptied and renamed by their owner', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        assert.deepEqual((await one.done('PUT', '/api/Role', { id, claims: [] }))['claims'], []);
        await one.done('PUT', '/api/Role', { id, name: `${name}-b` });
        await one.done('DELETE', `/api/Role/${id}`);
      });

      it('are not another developer’s to change, nor to give where they hold no word [SEC-R4]', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        const two = await developer(...WORDS);
        const attempts = async (): Promise<ApiAnswer[]> => [
          await two.ask('PUT', '/api/Role', { id, displayName: 'Mine' }),
          await two.ask('PUT', '/api/Role', { id, claims: [] }),
          await two.ask('DELETE', `/api/Role/${id}`),
        ];
        for (const answer of await attempts()) assert.equal(answer.status, 403, JSON.stringify(answer.body));
        await one.done('PUT', '/api/Role', { id, claims: [] });
        for (const answer of await attempts()) refused(answer, 'owner', role['name']);
        const given = { userName: name, roles: [id] };
        refused(await two.ask('POST', '/api/User', given), 'role', role['name']);
        const mine = { id: await idOf(two), roles: ['developer', id] };
        refused(await two.ask('PUT', '/api/User', mine), 'role', role['name']);
      });

      it('get no word of others, and none of the management API, from their owner [SEC-R4]', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        const put = (...words: string[]): Promise<ApiAnswer> =>
          one.ask('PUT', '/api/Role', { id, ...permissions(...words) });
        refused(await put(`${name}x.cancel`), 'owner', `${name}x.cancel`);
        refused(await put('isms.user.get'), 'permission', 'isms.all');
        const claims = [{ type: 'acl', value: 'pub #' }];
        refused(await one.ask('PUT', '/api/Role', { id, claims }), 'permission', 'isms.all');
      });

      it('give nobody what an administrator has added to them [SEC-R4]', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        const word = `${name}x.cancel`;
        await admin.done('PUT', '/api/Role', { id, ...permissions(word) });
        await one.done('PUT', '/api/Role', { id, displayName: 'Mine' });
        refused(await one.ask('POST', '/api/User', { userName: name, roles: [id] }), 'owner', word);
        const mine = { id: await idOf(one), roles: ['developer', id] };
        refused(await one.ask('PUT', '/api/User', mine), 'owner', word);
        await admin.done('PUT', '/api/Role', { id, ...permissions('isms.user.get') });
        refused(await one.ask('PUT', '/api/Role', { id, displayName: 'Mine' }), 'permission', 'isms.all');
        refused(
          await one.ask('POST', '/api/User', { userName: name, roles: [id] }),
          'permission',
          'isms.all',
        );
      });

      it('keep their owner’s key from other developers when the owner is erased [SEC-R4]', async () => {
        const { one, api } = await withRole();
        await one.done('DELETE', `/api/ApiResource/${api['id']}?cascade=true`);
        await admin.done('DELETE', `/api/User/${await idOf(one)}?erase=true`);
        const two = await developer(...WORDS);
        assert.deepEqual(await imported(two, [{ userName: name, userKey: one.userKey }]), ['refused']);
      });

      it('of before are changed by those to whose APIs all their words belong', async () => {
        const { one, role } = await withRole();
        const { id } = role;
        await admin.done('PUT', '/api/Role', { id, owner: null });
        await one.done('PUT', '/api/Role', { id, displayName: 'Older' });
        await one.done('DELETE', `/api/Role/${id}`);
      });

      it('are never built-in ones', async () => {
        const { one } = await withRole();
        const { id } = await builtIn('partner');
        const answer = await admin.ask('PUT', '/api/Role', { id, owner: one.userKey });
        assert.deepEqual([answer.status, answer.body['codeName']], [409, 'Role_BuiltIn']);
      });
    });

    it('has a client that gets tokens as before', async () => {
      const { done } = await developer('isms.client.all');
      const client = await done('POST', '/api/Client', { template: 'machine', scopes: ['isms.client.get'] });
      const { status } = await tokenFor(server, client['clientId'], client['newSecret'].secret, {});
      assert.equal(status, 200);
    });
  });
