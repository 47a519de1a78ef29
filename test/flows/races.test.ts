import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { artifactSealRow } from '../../src/oidc/sealed.js';
import { STORES } from '../support/config.js';
import { often } from '../support/profile.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const ASKED = { clientId: 'app', redirectUri: REDIRECT, scope: 'openid offline_access stock.read' };
const FAMILIES = often({ short: 60, long: 200 });
const AT_ONCE = 50;

type Form = Record<string, string>;
type ArtifactRow = Record<string, string | number | null>;

/** What a race did: how many requests won, and which of the winner's tokens still work. */
interface Outcome {
  winners: number;
  live: string[];
}

for (const kind of STORES)
  describe(`a credential that is used twice at once, on ${kind}`, () => {
    let server: TestServer;
    let api: string;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      await server.addUser({ userName: 'alice' });
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      api = await server.addClient('stock-api', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['stock.read'],
        resources: ['stock'],
      });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'offline_access', 'stock.read'],
        tokenEndpointAuthMethod: 'none',
      });
    });
    after(() => server.stop());

    const token = (form: Form): Promise<Answer> => server.post('/connect/token', form);

    const code = async (): Promise<Form> => redeemForm(ASKED, await obtainCode(server, ASKED));
    const refreshToken = async (): Promise<Form> => ({
      grant_type: GRANT_TYPES.refresh,
      client_id: 'app',
      refresh_token: String((await token(await code())).body['refresh_token']),
    });
    const deviceCode = async (): Promise<Form> => {
      const { visitor } = await obtainCode(server, ASKED);
      const { body } = await server.post('/connect/deviceauthorization', {
        client_id: 'app',
        scope: ASKED.scope,
      });
      const page = await visitor.go('/device');
      const confirm = await visitor.submit(page, '/device', { user_code: String(body['user_code']) });
      await visitor.submit(confirm, '/device', { confirm: 'yes' });
      return { grant_type: GRANT_TYPES.device, client_id: 'app', device_code: String(body['device_code']) };
    };

    const keyOf = (id: string): string => createHash('sha256').update(id).digest('base64url');
    const rowOf = async (id: string): Promise<ArtifactRow> =>
      (await server.context.store
        .knex<ArtifactRow>('oidc_artifacts')
        .where({ id: keyOf(id) })
        .first()) as ArtifactRow;

    /** Copies of a credential, each of a family of its own: the same sign-in, at as many grants and sessions. */
    async function copies(field: string, form: Form): Promise<Form[]> {
      const { store, vault } = server.context;
      const row = await rowOf(form[field] ?? '');
      const grant = await rowOf(String(row['grant_id']));
      const seal = artifactSealRow(server.home.tenant.id, String(row['model']));
      const sealed = row['model'] === 'DeviceCode';
      const text = sealed ? vault.open(String(row['payload']), seal) : String(row['payload']);
      const payload = JSON.parse(text) as AdapterPayload;
      const forms: Form[] = [];
      const rows: ArtifactRow[] = [];
      for (let at = 0; at < FAMILIES; at++) {
        const [grantId, sessionUid, secret] = [randomUUID(), randomUUID(), randomUUID()];
        const copy = JSON.stringify({ ...payload, grantId, sessionUid, ...(sealed && { jti: secret }) });
        rows.push({ ...grant, id: keyOf(grantId), grant_id: grantId });
        rows.push({
          ...row,
          id: keyOf(secret),
          grant_id: grantId,
          uid: sessionUid,
          user_code: null,
          payload: sealed ? vault.seal(copy, seal) : copy,
        });
        forms.push({ ...form, [field]: secret });
      }
      await store.knex.batchInsert('oidc_artifacts', rows, 20);
      return forms;
    }

    const isLive = async (accessToken: unknown): Promise<boolean> => {
      const form = { token: String(accessToken) };
      const { body } = await server.post('/connect/introspect', form, server.basic('stock-api', api));
      return body['active'] === true;
    };

    async function race(form: Form): Promise<Outcome> {
      const answers = await Promise.all([token(form), token(form)]);
      const won = answers.filter(({ status }) => status === 200).map(({ body }) => body);
      const live: string[] = [];
      for (const { access_token: access, refresh_token: refresh } of won) {
        if (await isLive(access)) live.push('access token');
        const again = { grant_type: GRANT_TYPES.refresh, client_id: 'app', refresh_token: String(refresh) };
        if ((await token(again)).status === 200) live.push('refresh token');
      }
      return { winners: won.length, live };
    }

    for (const [what, field, get] of [
      ['an authorization code', 'code', code],
      ['a refresh token', 'refresh_token', refreshToken],
      ['a device code', 'device_code', deviceCode],
    ] as const)
      it(`leaves no token of its family alive: ${what} [SEC-R33]`, async () => {
        const forms = await copies(field, await get());
        const outcomes: Outcome[] = [];
        for (let at = 0; at < forms.length; at += AT_ONCE)
          outcomes.push(...(await Promise.all(forms.slice(at, at + AT_ONCE).map(race))));
        const winners = outcomes.filter((outcome) => outcome.winners === 1).length;
        const live = outcomes.flatMap((outcome) => outcome.live);
        assert.deepEqual({ winners, live }, { winners: FAMILIES, live: [] });
      });
  });
