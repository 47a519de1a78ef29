import { Agent, request } from 'node:http';
import { clientSettings, GRANT_TYPES, insertClient, reservedAudiences } from '../src/clients/index.js';
import { start, type Gatehouse } from '../src/main.js';
import { tenantTransaction } from '../src/store/index.js';
import { prepareUser, rememberedRoles, writeUsers } from '../src/users/store.js';
import { CLIENT_SECRET, configFor, STORES, type StoreKind } from '../test/support/config.js';
import { median } from './measure.js';
import { createTenantAt } from '../test/support/tenants.js';

/**
 * Lists over a million users, ten thousand clients and a thousand tenants, next to the same over ten thousand users, on both
 * stores: what a request of the management API takes, from sending it to having its whole answer.
 */
const MANY = Number(process.env['USERS'] ?? 1_000_000);
const FEW = 10_000;
const CLIENTS = 10_000;
const TENANTS = 1000;
const ROUNDS = 31;
const BATCH = 1000;
const GROWN = new Set([0, 10_000, 100_000]);

const FIRST = [
  'Anna',
  'Bernd',
  'Chiara',
  'Daniel',
  'Elif',
  'Farid',
  'Greta',
  'Hiro',
  'Ines',
  'Jonas',
  '伟',
  '芳',
  '敏',
  '静',
];
const LAST = [
  'Schmidt',
  'Rossi',
  'Yılmaz',
  'Okafor',
  'Novák',
  'Jensen',
  'García',
  'Tanaka',
  '王',
  '李',
  '张',
  '刘',
];
const pick = (from: readonly string[], n: number): string => from[n % from.length] as string;

/** The same people each time; a hundred of them, however many they are, are developers. */
const person = (n: number, users = FEW) => ({
  userName: `user${n.toString(36).padStart(5, '0')}`,
  nickName: `${pick(FIRST, n * 7)} ${pick(LAST, Math.floor(n / 3))}`,
  email: `person${n}@example.com`,
  phoneNumber: `+4915${String(n).padStart(9, '0')}`,
  roles: ['user', ...(n % 10 === 0 ? ['partner'] : []), ...(n % (users / 100) === 7 ? ['developer'] : [])],
});

async function fill({ context, home }: Gatehouse, users: number): Promise<void> {
  const { store } = context;
  for (let at = 0; at < users; at += BATCH)
    await tenantTransaction(store, home.tenant.id, async (db) => {
      const rolesOf = rememberedRoles(db);
      const batch = [];
      for (let n = at; n < Math.min(users, at + BATCH); n += 1)
        batch.push(await prepareUser(db, person(n, users), null, rolesOf));
      await writeUsers(db, batch);
      if (GROWN.has(at)) await db.grown('users');
    });
  await tenantTransaction(store, home.tenant.id, async (db) => {
    for (let n = 0; n < CLIENTS; n += 1) {
      const settings = clientSettings({ grantTypes: [GRANT_TYPES.clientCredentials] });
      await insertClient(
        db,
        { clientId: `bench-${n}`, clientName: `${pick(LAST, n)} ${n}`, settings },
        reservedAudiences(() => 'mqtt'),
      );
    }
  });
  await store.transaction(async (trx) => {
    for (let n = 0; n < TENANTS; n += 1) await createTenantAt(trx, `Tenant ${n}`, `t${n}.example.com`);
  });
  // What autovacuum does by itself a minute later.
  await store.knex.raw(store.dialect === 'postgres' ? 'VACUUM ANALYZE' : 'ANALYZE');
}

interface Answer {
  milliseconds: number;
  body: { data: { id: string }[]; total: number; next?: string; access_token?: string };
}

class Caller {
  readonly #agent = new Agent({ keepAlive: true });
  #token = '';

  constructor(readonly port: number) {}

  async signIn(): Promise<void> {
    const form = 'grant_type=client_credentials&scope=isms.all';
    const basic = Buffer.from(`gatehouse-cli:${CLIENT_SECRET}`).toString('base64');
    const { body } = await this.send('POST', '/connect/token', `Basic ${basic}`, form);
    this.#token = body.access_token ?? '';
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path, `Bearer ${this.#token}`);
  }

  send(method: string, path: string, authorization: string, form?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          agent: this.#agent,
          headers: {
            host: `localhost:${this.port}`,
            authorization,
            ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const milliseconds = performance.now() - started;
            const text = Buffer.concat(chunks).toString();
            if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${text}`));
            else resolve({ milliseconds, body: JSON.parse(text) as Answer['body'] });
          });
        },
      );
      sent.on('error', reject);
      sent.end(form);
    });
  }
}

const encoded = (query: Record<string, string>): string => new URLSearchParams(query).toString();

/** What is asked for: a name for the table, and a path for each round. */
async function questions(caller: Caller, users: number): Promise<[string, (round: number) => string][]> {
  const roles = (await caller.get('/api/Role?take=100')).body.data as unknown as {
    id: string;
    name: string;
  }[];
  const role = (name: string): string => roles.find((each) => each.name === name)?.id ?? '';
  const deep = async (order: string): Promise<string> => {
    const skip = Math.min(99_990, users - 20);
    return (await caller.get(`/api/User?${order}&skip=${skip}`)).body.next ?? '';
  };
  const somebody = (round: number): number => (round * 7919) % users;
  const orders = ['createdAt', 'updatedAt', 'userName'];
  const asked: [string, (round: number) => string][] = [
    ['users, first page', () => '/api/User'],
    ['users by e-mail', (round) => `/api/User?${encoded({ 'q.email': person(somebody(round)).email })}`],
    [
      'users by phone',
      (round) => `/api/User?${encoded({ 'q.phoneNumber': person(somebody(round)).phoneNumber })}`,
    ],
    ['users by name, one fits', (round) => `/api/User?q.name=${person(somebody(round)).userName.slice(1)}`],
    ['users by name, a third fits', () => '/api/User?q.name=an'],
    ['users by name, 1 in 12 fits', () => `/api/User?${encoded({ 'q.name': '王' })}`],
    ['users by name, 1 in 168 fits', () => `/api/User?${encoded({ 'q.name': '芳 王' })}`],
    ['users by name, none fits', () => '/api/User?q.name=qqqqq'],
    ['users of a role, all', () => `/api/User?q.roles=${role('user')}`],
    ['users of a role, a tenth', () => `/api/User?q.roles=${role('partner')}`],
    ['users of a role, a hundred', () => `/api/User?q.roles=${role('developer')}`],
    ['users of two roles', () => `/api/User?q.roles=${role('user')},${role('developer')}`],
  ];
  for (const order of orders)
    for (const asc of ['true', 'false']) {
      asked.push([
        `users by ${order}, ${asc === 'true' ? 'up' : 'down'}`,
        () => `/api/User?orderby=${order}&asc=${asc}`,
      ]);
      const after = await deep(`orderby=${order}&asc=${asc}`);
      asked.push([`  the 10,000th page`, () => `/api/User?orderby=${order}&asc=${asc}&after=${after}`]);
    }
  asked.push(
    ['clients by name', () => '/api/Client?orderby=clientName&asc=true'],
    ['clients by part of a name', (round) => `/api/Client?q.name=${round * 317}`],
    ['tenants by name', () => '/api/Tenant?orderby=name'],
  );
  return asked;
}

async function measured(kind: StoreKind, users: number): Promise<Map<string, number>> {
  const many = { tenant: 1e9, client: 1e9, address: 1e9 };
  const config = await configFor(kind, {}, { limits: { api: many }, sweeper: { enabled: false } });
  const gatehouse = await start(config);
  try {
    const began = performance.now();
    await fill(gatehouse, users);
    console.log(`  ${users} users written in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    const caller = new Caller(gatehouse.port);
    await caller.signIn();
    const result = new Map<string, number>();
    for (const [index, [name, path]] of (await questions(caller, users)).entries()) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1)
        times.push((await caller.get(path(round))).milliseconds);
      result.set(`${index}|${name}`, median(times));
    }
    return result;
  } finally {
    await gatehouse.stop();
  }
}

for (const kind of STORES.filter((each) => each === (process.env['STORE'] ?? each))) {
  console.log(
    `${kind}: ${CLIENTS} clients, ${TENANTS} tenants; milliseconds a request, medians of ${ROUNDS}`,
  );
  const few = await measured(kind, FEW);
  const many = await measured(kind, MANY);
  console.log(
    `  ${'asked for'.padEnd(34)}${`${FEW}`.padStart(10)}${`${MANY}`.padStart(10)}${'ratio'.padStart(8)}`,
  );
  for (const [name, time] of many) {
    const before = few.get(name) ?? NaN;
    console.log(
      `  ${(name.split('|')[1] ?? '').padEnd(34)}${before.toFixed(2).padStart(10)}${time.toFixed(2).padStart(10)}${(time / before).toFixed(2).padStart(8)}`,
    );
  }
}
process.exit(0);
