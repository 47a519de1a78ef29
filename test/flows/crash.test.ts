import assert from 'node:assert/strict';
import { basic } from '../support/http.js';
import { CLIENT_SECRET, environment, STORES, type StoreKind } from '../support/config.js';
import { cli, kill, serve } from '../support/process.js';
import { often } from '../support/profile.js';
import { obtainCode } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const PASSWORD = 'crash test password';
/** How often the server is killed on each store. */
const KILLS: Record<StoreKind, number> = {
  sqlite: often({ short: 1, long: 10 }),
  postgres: often({ short: 1, long: 3 }),
};
/** Tokens of each round that nobody uses until the server is back: however the processors are shared, so many are tried. */
const FEWEST_HELD = 5;
const HOLDERS = 3;
const ROTATORS = 6;

type Json = Record<string, unknown>;

/** A refresh token that the server gave out, and whether a request with it had no answer when the server died. */
interface Chain {
  token: string;
  inDoubt: boolean;
}

interface Code {
  code: string;
  verifier: string;
  /** How often it was redeemed with success, as far as answers came. */
  redeemed: number;
}

for (const kind of STORES)
  describe(`kill -9 under load, on ${kind}`, function () {
    this.timeout(180_000);
    let env: Record<string, string>;
    let issuer: string;

    before(async () => {
      env = await environment(kind, {}, 'started');
      issuer = `http://localhost:${env['PORT']}`;
      const confidential = [
        '--grant',
        'code',
        'refresh',
        '--redirect-uri',
        REDIRECT,
        '--scope',
        'openid',
        'offline_access',
        '--no-consent',
        '--public',
      ];
      assert.equal((await cli(['client', 'create', 'app', ...confidential], env)).code, 0);
      for (const name of ['alice', 'coder'])
        assert.equal((await cli(['user', 'create', name, '--password-stdin'], env, PASSWORD)).code, 0);
    });

    async function post(
      form: Record<string, string>,
      headers: Record<string, string> = {},
    ): Promise<{ status: number; body: Json }> {
      const response = await fetch(`${issuer}/connect/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers,
      });
      return { status: response.status, body: (await response.json()) as Json };
    }
    const management = {
      authorization: basic('gatehouse-cli', CLIENT_SECRET),
    };
    const signIn = (): Promise<{ status: number; body: Json }> =>
      post(
        { grant_type: 'password', username: 'alice', password: PASSWORD, scope: 'openid offline_access' },
        management,
      );
    const refresh = (token: string): Promise<{ status: number; body: Json }> =>
      post({ grant_type: 'refresh_token', refresh_token: token }, management);
    const redeem = ({ code, verifier }: Code): Promise<{ status: number; body: Json }> =>
      post({
        grant_type: 'authorization_code',
        client_id: 'app',
        code,
        code_verifier: verifier,
        redirect_uri: REDIRECT,
      });

    it('loses nothing that was acknowledged', async () => {
      let kept = 0;
      let redeemedCodes = 0;
      for (let round = 0; round < KILLS[kind]; round++) {
        const server = await serve(env);
        const held: string[] = [];
        const chains: Chain[] = [];
        const codes: Code[] = [];
        let acknowledged = 0;
        let dead = false;
        const enough = 40 + round * 7; // a different moment each time
        const done = (): void => {
          acknowledged += 1;
          const isEnough = acknowledged >= enough && codes.length > 0 && held.length >= FEWEST_HELD;
          if (isEnough) dead ||= server.child.kill('SIGKILL');
        };
        // Each worker goes on until the server is gone under it.
        const until = async (work: () => Promise<void>): Promise<void> => {
          try {
            while (!dead) await work();
          } catch {
            assert.ok(dead, 'the server failed before it was killed');
          }
        };
        const holder = (): Promise<void> =>
          until(async () => {
            const { status, body } = await signIn();
            assert.equal(status, 200);
            held.push(String(body['refresh_token']));
            done();
          });
        const rotator = async (): Promise<void> => {
          const chain: Chain = { token: String((await signIn()).body['refresh_token']), inDoubt: false };
          chains.push(chain);
          await until(async () => {
            chain.inDoubt = true;
            const { status, body } = await refresh(chain.token);
            assert.equal(status, 200);
            chain.token = String(body['refresh_token']);
            chain.inDoubt = false;
            done();
            await new Promise((resolve) => setImmediate(resolve));
          });
        };
        const coder = (): Promise<void> =>
          until(async () => {
            const { code, verifier } = await obtainCode(
              { issuer },
              { clientId: 'app', redirectUri: REDIRECT, scope: 'openid', user: 'coder', password: PASSWORD },
            );
            const entry: Code = { code, verifier, redeemed: 0 };
            codes.push(entry);
            if ((await redeem(entry)).status === 200) entry.redeemed++;
            done();
          });
        await Promise.all([
          ...Array.from({ length: HOLDERS }, holder),
          ...Array.from({ length: ROTATORS }, () => rotator().catch(() => assert.ok(dead))),
          coder(),
        ]);
        await server.finished;

        const again = await serve(env);
        const certain = [...held, ...chains.filter(({ inDoubt }) => !inDoubt).map(({ token }) => token)];
        for (const token of certain) assert.equal((await refresh(token)).status, 200);
        for (const entry of codes) {
          for (const attempt of [1, 2]) {
            const { status } = await redeem(entry);
            if (status === 200) entry.redeemed++;
            assert.ok(entry.redeemed <= 1, `a code worked ${entry.redeemed} times (attempt ${attempt})`);
          }
        }
        kept += certain.length;
        redeemedCodes += codes.length;
        await kill(again, 'SIGKILL');
      }
      assert.ok(kept >= KILLS[kind] * FEWEST_HELD, `only ${kept} tokens were put to the test`);
      assert.ok(redeemedCodes > 0);
    });
  });
