import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { userToken, type ApiAnswer } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const WORDS = ['isms.apiresource.all', 'isms.role.all', 'isms.client.all', 'isms.user.all'];
const permissions = (...words: string[]): { claims: object[] } => ({
  claims: words.map((value) => ({ type: 'permission', value })),
});
const NOBODY = { roles: 0, users: 0, clients: 0, scopes: 0 };

for (const kind of STORES)
  describe(`an administrator's API below a developer's, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let developer: Caller;
    let userKey: string;
    let shop: Data;
    let name: string;
    let made = 0;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      const token = await userToken(server, WORDS, WORDS, undefined, ['developer']);
      developer = caller(server, token);
      userKey = String(decodeJwt(token).sub);
    });
    beforeEach(async () => {
      name = `shop${++made}`;
      shop = await developer.done('POST', '/api/ApiResource', { name, scopes: [{ name: 'read' }] });
    });
    after(() => server.stop());

    const below = (): string => `${name}.pay`;
    const taken = ({ status, body }: ApiAnswer, who: object): void => {
      assert.deepEqual(
        [status, body['codeName'], body['data']],
        [409, 'ApiResource_InUse', { ...NOBODY, ...who }],
        JSON.stringify(body),
      );
      assert.match(String(body['message']), /take them away first, or choose another name/);
    };

    const GIVEN: Record<string, [() => Promise<Data>, object, (thing: Data) => Promise<unknown>]> = {
      'a role': [
        () => developer.done('POST', '/api/Role', { name, ...permissions(`${below()}.refund`) }),
        { roles: 1 },
        ({ id }) => admin.done('PUT', '/api/Role', { id, claims: [] }),
      ],
      'a user': [
        () => developer.done('POST', '/api/User', { userName: name, ...permissions(`${below()}.a.b`) }),
        { users: 1 },
        ({ id }) => admin.done('PUT', '/api/User', { id, claims: [] }),
      ],
      'a user in another case': [
        () => developer.done('POST', '/api/User', { userName: name, ...permissions(`${name}.Pay.refund`) }),
        { users: 1 },
        ({ id }) => admin.done('DELETE', `/api/User/${id}`),
      ],
      'a user in another width': [
        () => developer.done('POST', '/api/User', { userName: name, ...permissions(`${name}.ｐay.refund`) }),
        { users: 1 },
        ({ id }) => admin.done('DELETE', `/api/User/${id}`),
      ],
      'the developer’s API': [
        () => developer.done('PUT', '/api/ApiResource', { id: shop['id'], scopes: [{ name: 'pay.refund' }] }),
        { scopes: 1 },
        ({ id }) => admin.done('PUT', '/api/ApiResource', { id, scopes: [] }),
      ],
      'a client and a registration token': [
        async () => {
          const scopes = [`${below()}.refund`];
          const { id } = shop;
          await developer.done('PUT', '/api/ApiResource', { id, scopes: [{ name: 'pay.refund' }] });
          await developer.done('POST', '/api/Client/RegistrationTokens', { scopes });
          return developer.done('POST', '/api/Client', { template: 'machine', scopes });
        },
        { clients: 2, scopes: 1 },
        () => admin.done('PUT', '/api/ApiResource?cascade=true', { id: shop['id'], scopes: [] }),
      ],
    };
    for (const [who, [give, count, takeAway]] of Object.entries(GIVEN))
      it(`is made once ${who} has none of its words any more [SEC-R4]`, async () => {
        const thing = await give();
        taken(await admin.ask('POST', '/api/ApiResource', { name: below() }), count);
        taken(await admin.ask('POST', '/api/ApiResource/Import', { microServiceName: below() }), count);
        await takeAway(thing);
        await admin.done('POST', '/api/ApiResource', { name: below(), scopes: [{ name: 'refund' }] });
        const word = `${below()}.refund`;
        const { status, body } = await developer.ask('POST', '/api/Role', {
          name: `${name}-later`,
          ...permissions(word),
        });
        assert.deepEqual([status, body['data']], [403, { missing: 'owner', name: word }]);
      });

    it('is made where only words next to it have been given', async () => {
      await developer.done('POST', '/api/Role', { name, ...permissions(`${name}.payment`, `${name}.read`) });
      await admin.done('POST', '/api/ApiResource', { name: below() });
    });

    it('is made for the developer, whose words they are', async () => {
      await developer.done('POST', '/api/Role', { name, ...permissions(`${below()}.refund`) });
      const { owner } = await admin.done('POST', '/api/ApiResource', { name: below(), owner: userKey });
      assert.equal(owner, userKey);
    });

    it('is made, and one above, where the developer’s own API has the words', async () => {
      const lower = `${name}.pay.card`;
      await developer.done('POST', '/api/ApiResource', { name: lower, scopes: [{ name: 'read' }] });
      await developer.done('POST', '/api/Role', { name, ...permissions(`${lower}.refund`) });
      await admin.done('POST', '/api/ApiResource', { name: below() });
    });

    it('is not needed for an API of nobody, which comes and comes back with the words that roles have', async () => {
      const body = { name: `own-${name}`, scopes: [{ name: 'read' }] };
      await admin.done('POST', '/api/Role', { name, ...permissions(`own-${name}.a`, `own-${name}.pay.a`) });
      await admin.done('POST', '/api/ApiResource', body);
      const { id } = await admin.done('POST', '/api/ApiResource', { name: `own-${name}.pay` });
      // The words are the upper one's as well, so that nobody has to give them up.
      await admin.done('DELETE', `/api/ApiResource/${id}`);
      await admin.done('POST', '/api/ApiResource', { name: `own-${name}.pay` });
    });

    for (const [who, words, roles] of [
      ['who holds everything', ['isms.all'], ['developer']],
      ['who is not confined', WORDS, []],
    ] as const)
      it(`is not asked about below, and next to, the API of a person ${who}`, async () => {
        const owner = caller(server, await userToken(server, [...words], [...words], undefined, [...roles]));
        const service = `service-${roles.length}${name}`;
        await owner.done('POST', '/api/ApiResource/Import', { microServiceName: service });
        await admin.done('POST', '/api/Role', { name, ...permissions(`${service}.pay.a`) });
        await admin.done('POST', '/api/ApiResource/Import', { microServiceName: `${service}.pay` });
        await owner.done('POST', '/api/ApiResource', { name: `${service}.stock` });
        await admin.done('POST', '/api/ApiResource', { name: service.toUpperCase() });
        await admin.done('POST', '/api/Client', { template: 'machine', clientId: service.replace('s', 'S') });
      });

    it('is made below an administrator’s, whose words the developer cannot have given', async () => {
      await admin.done('POST', '/api/ApiResource', { name: below() });
      await admin.done('POST', '/api/Role', { name, ...permissions(`${below()}.card.refund`) });
      await admin.done('POST', '/api/ApiResource', { name: `${below()}.card` });
    });

    it('is refused, or its words are, where both come at once [SEC-R4]', async () => {
      for (let round = 0; round < 20; round += 1) {
        const which = `${name}.r${round}`;
        const [api, user] = await Promise.all([
          admin.ask('POST', '/api/ApiResource', { name: which }),
          developer.ask('POST', '/api/User', {
            userName: `${name}-${round}`,
            ...permissions(`${which}.refund`),
          }),
        ]);
        assert.ok(
          ['200 403', '409 200'].includes(`${api.status} ${user.status}`),
          `${api.status} ${user.status}`,
        );
      }
    });

    describe('after an administrator has disabled', () => {
      const disabled = async (body: Data): Promise<Data> => {
        const { id } = await admin.done('POST', '/api/ApiResource', { ...body, owner: userKey });
        return admin.done('PUT', '/api/ApiResource', { id, enabled: false });
      };

      it('an API of the developer’s, it is enabled by the developer where its place is theirs [SEC-R5]', async () => {
        await developer.done('POST', '/api/Role', { name, ...permissions(`${name}.read`) });
        await admin.done('PUT', '/api/ApiResource', { id: shop['id'], enabled: false });
        await developer.done('PUT', '/api/ApiResource', { id: shop['id'], enabled: true });
        await admin.done('POST', '/api/ApiResource', { name: below() });
        await developer.done('PUT', '/api/ApiResource', { id: shop['id'], enabled: false });
        await developer.done('PUT', '/api/ApiResource', { id: shop['id'], enabled: true });
        await admin.done('POST', '/api/ApiResource', { name: `top-${name}` });
        const { id } = await disabled({ name: `top-${name}.orders` });
        const { status, body } = await developer.ask('PUT', '/api/ApiResource', { id, enabled: true });
        assert.deepEqual([status, body['data']], [403, { missing: 'owner', name: `top-${name}` }]);
        await developer.done('PUT', '/api/ApiResource', { id, displayName: 'Orders' });
      });

      it('an API whose tokens sign devices in, the developer does not enable it [SEC-R6]', async () => {
        const tokenAudience = 'mqtt';
        const { id } = await disabled({ name: `devices-${name}`, tokenAudience });
        const { status, body } = await developer.ask('PUT', '/api/ApiResource', { id, enabled: true });
        const missing = { missing: 'permission', name: `tokenAudience: ${tokenAudience}` };
        assert.deepEqual([status, body['data']], [403, missing]);
        await developer.done('PUT', '/api/ApiResource', { id, enabled: true, tokenAudience: `a-${name}` });
      });
    });
  });
