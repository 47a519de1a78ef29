import { performance } from 'node:perf_hooks';
import { GRANT_TYPES } from '../src/clients/index.js';
import { tenantTransaction } from '../src/store/index.js';
import { insertUser } from '../src/users/index.js';
import { GENEROUS, STORES } from '../test/support/config.js';
import { startServer, type TestServer } from '../test/support/server.js';
import { median } from './measure.js';

/**
 * Whether the time of an answer tells that there is an account: signing in, asking for a code, resetting and registering with a
 * wrong code, for addresses that have an account and for such that have none, in turns.
 */
const EACH = 200;

const emailOf = (known: boolean, n: number): string => `${known ? 'known' : 'other'}-${n}@example.com`;
const phoneOf = (known: boolean, n: number): string => `+86138${known ? 1 : 2}${String(n).padStart(7, '0')}`;

interface Step {
  what: string;
  path: string;
  body(known: boolean, n: number): Record<string, string>;
  form?: boolean;
}

const PASSWORD = 'a password of nobody';
const CODE = '123456';

const STEPS: Step[] = [
  {
    what: 'sign-in, wrong password',
    path: '/connect/token',
    form: true,
    body: (known, n) => ({
      grant_type: 'password',
      client_id: 'bench',
      username: emailOf(known, n),
      password: PASSWORD,
      scope: 'openid',
    }),
  },
  {
    what: 'a code to sign in',
    path: '/api/User/SmsCode',
    body: (known, n) => ({ phoneNumber: phoneOf(known, n), purpose: 'login' }),
  },
  {
    what: 'sign-in, wrong code',
    path: '/connect/token',
    form: true,
    body: (known, n) => ({
      grant_type: GRANT_TYPES.mobileCode,
      client_id: 'bench',
      phone_number: phoneOf(known, n),
      code: CODE,
      scope: 'openid',
    }),
  },
  {
    what: 'a code to reset',
    path: '/api/User/EmailCode',
    body: (known, n) => ({ email: emailOf(known, n), purpose: 'reset' }),
  },
  {
    what: 'reset, wrong code',
    path: '/api/User/ResetPassword',
    body: (known, n) => ({ email: emailOf(known, n), emailVerifyCode: CODE, password: PASSWORD }),
  },
  {
    what: 'a code to register',
    path: '/api/User/SmsCode',
    body: (known, n) => ({ phoneNumber: phoneOf(known, EACH + n), purpose: 'register' }),
  },
  {
    what: 'register, wrong code',
    path: '/api/User/Register',
    body: (known, n) => ({
      phoneNumber: phoneOf(known, EACH + n),
      phoneNumberVerifyCode: CODE,
      password: PASSWORD,
    }),
  },
];

async function timed({ issuer }: TestServer, { path, body, form }: Step, known: boolean, n: number) {
  const sent = body(known, n);
  const started = performance.now();
  const answer = await fetch(new URL(path, issuer), {
    method: 'POST',
    ...(form
      ? { body: new URLSearchParams(sent) }
      : { body: JSON.stringify(sent), headers: { 'content-type': 'application/json' } }),
  });
  await answer.arrayBuffer();
  return { ms: performance.now() - started, status: answer.status };
}

for (const kind of STORES) {
  const server = await startServer(kind, {}, { ...GENEROUS, limits: { enabled: false } });
  await server.addClient('bench', {
    grantTypes: [GRANT_TYPES.password, GRANT_TYPES.mobileCode],
    scopes: ['openid'],
    tokenEndpointAuthMethod: 'none',
  });
  const { store, passwords } = server.context;
  const hash = await passwords.hash('a good long password');
  await tenantTransaction(store, server.home.tenant.id, async (db) => {
    for (let n = 0; n < 2 * EACH; n++)
      await insertUser(
        db,
        { userName: `user-${n}x`, email: emailOf(true, n), phoneNumber: phoneOf(true, n) },
        hash,
      );
  });
  console.log(`\n${EACH} of each for known and for unknown accounts, medians, on ${kind}`);
  for (const step of STEPS) {
    const times = new Map<boolean, number[]>([
      [true, []],
      [false, []],
    ]);
    const statuses = new Set<string>();
    for (let n = 0; n < EACH; n++)
      // Whoever comes first has a warmer or a colder cache: each does in turn.
      for (const known of n % 2 === 0 ? [true, false] : [false, true]) {
        const { ms, status } = await timed(server, step, known, n);
        times.get(known)?.push(ms);
        statuses.add(`${status}`);
      }
    const [known, unknown] = [true, false].map((which) => median(times.get(which) as number[])) as [
      number,
      number,
    ];
    const apart = (Math.abs(known - unknown) / Math.min(known, unknown)) * 100;
    console.log(
      `  ${step.what.padEnd(24)} known ${known.toFixed(2).padStart(6)} ms   unknown ${unknown.toFixed(2).padStart(6)} ms   ${apart.toFixed(1).padStart(4)} % apart   ${[...statuses].join(', ')}`,
    );
  }
  await server.stop();
}
process.exit(0);
