import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { rotateKeys, scheduleOf } from '../../src/oidc/index.js';
import { setPassword, setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { often, SEED, seedFor } from '../support/profile.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm, Visitor } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';
const SEQUENCES = often({ short: 40, long: 500 });
const RESTARTS = often({ short: 4, long: 40 });
const LONGEST = 14;

type Simple = 'password' | 'disableUser' | 'enableUser' | 'disableClient' | 'enableClient' | 'rotate';

/** What somebody does; `of` picks one of the things that there are at that moment. */
type Action =
  | { kind: 'signIn'; scope: 'orders.read' | 'stock.read'; offline: boolean }
  | { kind: 'signInOnPages'; offline: boolean }
  | { kind: 'machine'; scope: 'orders.read' | 'stock.read' }
  | { kind: 'refresh' | 'revokeAccess' | 'revokeRefresh' | 'signOut'; of: number }
  | { kind: Simple };

const scope = fc.constantFrom('orders.read' as const, 'stock.read' as const);
const of = fc.nat(20);
const just = (kind: Simple): fc.Arbitrary<Action> => fc.constant({ kind });
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('signIn' as const), scope, offline: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('signInOnPages' as const), offline: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('machine' as const), scope }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('refresh' as const), of }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('revokeAccess' as const), of }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('revokeRefresh' as const), of }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('signOut' as const), of }) },
  { weight: 1, arbitrary: just('password') },
  { weight: 1, arbitrary: just('disableUser') },
  { weight: 2, arbitrary: just('enableUser') },
  { weight: 1, arbitrary: just('disableClient') },
  { weight: 2, arbitrary: just('enableClient') },
  { weight: 1, arbitrary: just('rotate') },
);

/** What must be true: the whole specification of when a token works, in a few lines. */
interface Token {
  value: string;
  /** The tokens of one sign-in at one client; none for a program's own. */
  family?: { dead: boolean };
  dead: boolean;
}
interface Refresh extends Token {
  used: boolean;
}
interface Session {
  visitor: Visitor;
  over: boolean;
  /** What ends with it. */
  families: { dead: boolean }[];
}

class Model {
  access: Token[] = [];
  refresh: Refresh[] = [];
  sessions: Session[] = [];
  userEnabled = true;
  clientEnabled = true;

  works = ({ dead, family }: Token): boolean => !dead && family?.dead !== true;

  endUser(): void {
    for (const token of [...this.access, ...this.refresh]) if (token.family) token.dead = true;
    for (const session of this.sessions) session.over = true;
  }
}

const pick = <T>(list: T[], at: number): T | undefined => (list.length ? list[at % list.length] : undefined);

for (const kind of STORES)
  describe(`whatever happens, in whichever order, on ${kind}`, function () {
    this.timeout(600_000);
    let server: TestServer;
    const secrets = new Map<string, string>();
    let hash: string;
    let users = 0;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      hash = await server.context.passwords.hash(PASSWORD);
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      const scopes = ['orders.read', 'stock.read'];
      const service = { grantTypes: [GRANT_TYPES.clientCredentials], scopes };
      secrets.set('api', await server.addClient('api', { ...service, resources: ['orders', 'stock'] }));
      secrets.set('machine', await server.addClient('machine', service));
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.password],
        redirectUris: [APP],
        scopes: ['openid', 'offline_access', ...scopes],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
    });
    after(() => server.stop());

    const basic = (clientId: string): Record<string, string> =>
      server.basic(clientId, secrets.get(clientId) ?? '');
    const ask = (form: Record<string, string>, headers = {}): Promise<Answer> =>
      server.post('/connect/token', form, headers);
    /** Asked in both ways: the usual one is answered here, the other by the library. */
    const isActive = async (token: string): Promise<boolean> => {
      const inBody = { client_id: 'api', client_secret: secrets.get('api') ?? '' };
      const answers = await Promise.all([
        server.post('/connect/introspect', { token }, basic('api')),
        server.post('/connect/introspect', { token, ...inBody }),
      ]);
      const [usual, other] = answers.map(({ body }) => body['active'] === true);
      assert.equal(usual, other);
      return usual === true;
    };

    /** A change by an administrator; what comes after it is at least a millisecond younger. */
    async function change(work: Parameters<TestServer['change']>[0]): Promise<void> {
      await server.change(work);
      const at = Date.now();
      while (Date.now() <= at) await new Promise((resolve) => setImmediate(resolve));
    }

    function keep(model: Model, body: Record<string, unknown>, family: { dead: boolean }): void {
      model.access.push({ value: String(body['access_token']), family, dead: false });
      if (body['refresh_token'] !== undefined)
        model.refresh.push({ value: body['refresh_token'] as string, family, dead: false, used: false });
    }

    const take: {
      [K in Action['kind']]: (
        model: Model,
        user: string,
        action: Extract<Action, { kind: K }>,
      ) => Promise<void>;
    } = {
      async signIn(model, user, { scope: api, offline }) {
        const { status, body } = await ask({
          grant_type: 'password',
          client_id: 'app',
          username: user,
          password: PASSWORD,
          scope: offline ? `${api} offline_access` : api,
        });
        assert.equal(status === 200, model.userEnabled && model.clientEnabled);
        if (status === 200) keep(model, body, { dead: false });
      },
      async signInOnPages(model, user, { offline }) {
        if (!model.userEnabled || !model.clientEnabled) return;
        const visitor = new Visitor(server.issuer);
        const { code, verifier } = await obtainCode(server, {
          clientId: 'app',
          redirectUri: APP,
          scope: offline ? 'openid orders.read offline_access' : 'openid orders.read',
          user,
          visitor,
        });
        const { status, body } = await ask(
          redeemForm({ clientId: 'app', redirectUri: APP }, { code, verifier }),
        );
        assert.equal(status, 200);
        const family = { dead: false };
        keep(model, body, family);
        model.sessions.push({ visitor, over: false, families: offline ? [] : [family] });
      },
      async machine(model, _user, { scope: api }) {
        const { status, body } = await ask(
          { grant_type: 'client_credentials', scope: api },
          basic('machine'),
        );
        assert.equal(status, 200);
        model.access.push({ value: String(body['access_token']), dead: false });
      },
      async refresh(model, _user, { of: at }) {
        const token = pick(model.refresh, at);
        if (!token) return;
        const expected = model.works(token) && !token.used && model.userEnabled && model.clientEnabled;
        const { status, body } = await ask({
          grant_type: 'refresh_token',
          client_id: 'app',
          refresh_token: token.value,
        });
        assert.equal(status === 200, expected, JSON.stringify(body));
        if (expected) {
          token.used = true;
          keep(model, body, token.family as { dead: boolean });
        } else if (token.used && !token.dead && model.userEnabled && model.clientEnabled && token.family)
          token.family.dead = true;
      },
      async revokeAccess(model, _user, { of: at }) {
        const token = pick(
          model.access.filter(({ family }) => family),
          at,
        );
        if (!token || !model.clientEnabled) return;
        const { status } = await server.post('/connect/revocation', { client_id: 'app', token: token.value });
        assert.equal(status, 200);
        token.dead = true;
      },
      async revokeRefresh(model, _user, { of: at }) {
        const token = pick(model.refresh, at);
        if (!token || !model.clientEnabled) return;
        await server.post('/connect/revocation', { client_id: 'app', token: token.value });
        if (model.works(token) && token.family) token.family.dead = true;
      },
      async signOut(model, _user, { of: at }) {
        const session = pick(model.sessions, at);
        if (!session) return;
        const page = await session.visitor.go('/connect/endsession');
        if (page.html.includes('/endsession/confirm'))
          await session.visitor.submit(page, '/endsession/confirm', { logout: 'yes' });
        if (!session.over) for (const family of session.families) family.dead = true;
        session.over = true;
      },
      async password(model, user) {
        await change((db) => setPassword(db, user, hash));
        model.endUser();
      },
      async disableUser(model, user) {
        await change(async (db) => void (await setUserEnabled(db, user, false)));
        model.userEnabled = false;
        model.endUser();
      },
      async enableUser(model, user) {
        if (model.userEnabled) return;
        await change(async (db) => void (await setUserEnabled(db, user, true)));
        model.userEnabled = true;
      },
      async disableClient(model) {
        await change((db) => setClientEnabled(db, 'app', false));
        model.clientEnabled = false;
        for (const token of [...model.access, ...model.refresh]) if (token.family) token.dead = true;
      },
      async enableClient(model) {
        if (model.clientEnabled) return;
        await change((db) => setClientEnabled(db, 'app', true));
        model.clientEnabled = true;
      },
      async rotate() {
        const { config, store, vault } = server.context;
        await rotateKeys(store, vault, server.home.tenant.id, scheduleOf(config), { now: true });
        await server.refresh();
      },
    };

    async function agree(model: Model, after: string): Promise<void> {
      await Promise.all(
        model.access.map(async (token) =>
          assert.equal(await isActive(token.value), model.works(token), `after ${after}`),
        ),
      );
    }

    /** Does all of it for a new user, and then what comes last. */
    async function live(sequence: Action[], last: (model: Model) => Promise<void>): Promise<void> {
      const model = new Model();
      const user = `model-${++users}`;
      await server.addUser({ userName: user });
      try {
        for (const action of sequence) {
          await take[action.kind](model, user, action as never);
          await agree(model, action.kind);
        }
        await last(model);
      } finally {
        if (!model.clientEnabled) await change((db) => setClientEnabled(db, 'app', true));
      }
    }

    const holds = (property: (sequence: Action[]) => Promise<void>, numRuns: number): Promise<void> =>
      fc.assert(fc.asyncProperty(fc.array(actions, { minLength: 1, maxLength: LONGEST }), property), {
        numRuns,
        seed: seedFor(kind),
        reporter(details) {
          console.log(`      ${details.numRuns} sequences, SEED=${SEED} repeats them`);
          if (details.failed)
            throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
        },
      });

    it('random sequences leave exactly those tokens active that the model says [SEC-X6]', () =>
      holds((sequence) => live(sequence, async () => undefined), SEQUENCES));

    it('a restart changes nothing of that', () =>
      holds(
        (sequence) =>
          live(sequence, async (model) => {
            await server.restart();
            await agree(model, 'a restart');
          }),
        RESTARTS,
      ));
  });
