import assert from 'node:assert/strict';
import pino from 'pino';
import { openCircuits } from '../../src/jobs/circuits.js';
import {
  openOutbox,
  queueMessage,
  Refused,
  type Deliver,
  type Outbox,
  type Route,
} from '../../src/jobs/index.js';
import { takingTurns } from '../../src/jobs/turns.js';
import { openAudit } from '../../src/observe/index.js';
import { tenantTransaction, type Row, type Store } from '../../src/store/index.js';
import { until } from '../support/raw.js';
import { onEveryStore } from '../support/stores.js';
import { createTenantAt } from '../support/tenants.js';

type Statement = ReturnType<Store['prepare']>;

const log = pino({ level: 'silent' });

onEveryStore('the outbox', (open) => {
  let red: string;
  let blue: string;
  const outboxes: Outbox[] = [];
  before(async () => {
    red = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
    blue = (await open().transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'))).id;
  });
  afterEach(async () => {
    await open().knex('outbox').delete();
    await Promise.all(outboxes.splice(0).map((outbox) => outbox.close()));
  });

  const outboxWith = (deliver: Deliver): Outbox => {
    const outbox = openOutbox(open(), log, openAudit(open()), () => deliver);
    outboxes.push(outbox);
    return outbox;
  };
  const queue = (tenantId: string, count: number, route: Route): Promise<void> =>
    tenantTransaction(open(), tenantId, async (db) => {
      for (let n = 0; n < count; n++) await queueMessage(db, 'message', { n, to: route.to }, route);
    });
  const left = async (): Promise<number> =>
    Number((await open().prepare('SELECT COUNT(*) AS n FROM outbox').first())?.['n']);

  /** A courier that takes what goes to `slow` only when it is let. */
  function courier() {
    const begun: string[] = [];
    const arrived: string[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let heard = (): void => undefined;
    const somethingArrived = new Promise<void>((resolve) => (heard = resolve));
    const deliver: Deliver = async ({ tenantId, payload }) => {
      const name = `${tenantId === red ? 'red' : 'blue'} ${(payload as { to: string }).to}`;
      begun.push(name);
      if (name === 'red slow') await released;
      arrived.push(name);
      heard();
    };
    return { begun, arrived, deliver, release: () => release(), somethingArrived };
  }

  for (const [whose, tenant, to] of [
    ['another tenant', 'blue', 'slow'],
    ['another driver of the same tenant', 'red', 'mail'],
  ] as const)
    it(`sends a message of ${whose} while 300 wait for a place that does not answer [SEC-R22]`, async () => {
      const { begun, arrived, deliver, release, somethingArrived } = courier();
      const outbox = outboxWith(deliver);
      await queue(red, 300, { to: 'slow' });
      await queue(tenant === 'red' ? red : blue, 1, { to });
      const all = outbox.deliver();
      await somethingArrived;
      assert.deepEqual(arrived, [`${tenant} ${to}`]);
      release();
      await all;
      assert.ok(
        begun.indexOf(`${tenant} ${to}`) <= 8,
        'no more than eight of the others were under way before it',
      );
      assert.deepEqual([arrived.length, await left()], [301, 0]);
    });

  it('sends a message of another tenant while 300 places of one do not answer [SEC-R22]', async () => {
    const begun: string[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let all32 = (): void => undefined;
    const full = new Promise<void>((resolve) => (all32 = resolve));
    let heard = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (heard = resolve));
    const outbox = outboxWith(async ({ tenantId }) => {
      if (tenantId === blue) return heard();
      begun.push(tenantId);
      if (begun.length === 32) all32();
      await released;
    });
    for (let client = 0; client < 300; client++) await queue(red, 2, { to: `logout:${client}` });
    const first = outbox.deliver();
    await full;
    await queue(blue, 1, { to: 'mail' });
    const second = outbox.deliver();
    await arrived;
    assert.equal(begun.length, 32);
    release();
    await Promise.all([first, second]);
    assert.deepEqual([begun.length, await left()], [600, 0]);
  });

  it('sends one message to a place until it answers, then eight at a time', async () => {
    let tried = 0;
    const whenDone: number[] = [];
    let eight = (): void => undefined;
    const areEight = new Promise<void>((resolve) => (eight = resolve));
    const outbox = outboxWith(async () => {
      tried += 1;
      if (tried === 9) eight();
      await (tried === 1 ? new Promise((resolve) => setImmediate(resolve)) : areEight);
      whenDone.push(tried);
    });
    await queue(red, 9, { to: 'sms' });
    await outbox.deliver();
    assert.deepEqual(whenDone, [1, 9, 9, 9, 9, 9, 9, 9, 9]);
  });

  it('finds what is due behind a page of lanes in which nothing is', async () => {
    const sent: unknown[] = [];
    const outbox = outboxWith(async ({ payload }) => void sent.push((payload as { to: string }).to));
    await tenantTransaction(open(), red, async (db) => {
      for (let n = 0; n < 1200; n++) await queueMessage(db, 'message', {}, { to: `a${n}` });
      await db.from('outbox').update({ next_at: Date.now() + 3_600_000 });
    });
    await queue(red, 1, { to: 'z' });
    await outbox.deliver();
    assert.deepEqual([sent, await left()], [['z'], 1200]);
  });

  it('has sent what a message led to that was under way while it looked', async () => {
    const { begun, deliver, release } = courier();
    let looks = 0;
    const goOn: (() => void)[] = [];
    /** Looks as ever, but the second and the third look go on late. */
    const look = async (statement: Statement, values: Parameters<Statement['all']>): Promise<Row[]> => {
      const rows = await statement.all(...values);
      looks += 1;
      if (looks === 2 || looks === 3) await new Promise<void>((resolve) => goOn.push(resolve));
      return rows;
    };
    const prepare = (sql: string): Statement => {
      const statement = open().prepare(sql);
      return sql.includes('RECURSIVE lanes')
        ? { ...statement, all: (...values) => look(statement, values) }
        : statement;
    };
    const outbox = openOutbox({ ...open(), prepare }, log, openAudit(open()), () => async (message) => {
      await deliver(message);
      if ((message.payload as { to: string }).to === 'slow') await queue(red, 1, { to: 'mail' });
    });
    outboxes.push(outbox);
    await queue(red, 1, { to: 'slow' });
    const first = outbox.deliver();
    await until(() => begun.length === 1);
    const second = outbox.deliver();
    await until(() => looks === 2);
    release();
    await until(() => looks === 3); // the first one is through with its message
    goOn[0]?.();
    await second;
    assert.deepEqual(begun, ['red slow', 'red mail']);
    goOn[1]?.();
    await first;
  });

  it('tries a place that fails no more than a few times, and keeps what waits for it [SEC-R22]', async () => {
    let tried = 0;
    const outbox = outboxWith(async () => {
      tried += 1;
      throw new Error('connection refused');
    });
    await queue(red, 100, { to: 'sms' });
    await outbox.deliver();
    await outbox.deliver();
    assert.deepEqual([tried, await left(), outbox.openCircuits()], [5, 100, 1]);
  });

  it('goes on where single messages are refused', async () => {
    let tried = 0;
    const outbox = outboxWith(async () => {
      tried += 1;
      throw new Refused('answered 422');
    });
    await queue(red, 100, { to: 'sms' });
    await outbox.deliver();
    assert.deepEqual([tried, outbox.openCircuits()], [100, 0]);
  });

  it('does not send what is of no use any more, and the audit has it [SEC-R22]', async () => {
    const sent: unknown[] = [];
    const outbox = outboxWith(async ({ payload }) => void sent.push(payload));
    await queue(red, 1, { to: 'expired', usefulFor: -1 });
    await queue(red, 1, { to: 'fresh', usefulFor: 300 });
    await outbox.deliver();
    assert.deepEqual([sent, await left()], [[{ n: 0, to: 'fresh' }], 0]);
    const { result, detail } = (await open()
      .knex('audit')
      .where({ event: 'outbox.message' })
      .orderBy('id', 'desc')
      .first()) as { result: string; detail: string };
    assert.deepEqual(
      [result, JSON.parse(detail)],
      ['failure', { attempts: 0, reason: 'it was of no use any more' }],
    );
  });

  it('sends each message once where two nodes share the work [SEC-R22]', async () => {
    const sent: string[] = [];
    const deliver: Deliver = async (message) => {
      await message.handOver();
      sent.push(message.id);
    };
    const [one, other] = [outboxWith(deliver), outboxWith(deliver)];
    await queue(red, 100, { to: 'sms' });
    await queue(blue, 100, { to: 'sms' });
    await Promise.all([one.deliver(), other.deliver(), one.deliver()]);
    while ((await left()) > 0) await one.deliver();
    assert.deepEqual([sent.length, new Set(sent).size], [200, 200]);
  });
});

describe('turns', () => {
  it('go to the owner that waits longest for one, whatever number of tasks another has', async () => {
    const inTurn = takingTurns(2, 2);
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const task = (name: string) => () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    const all = [
      ...Array.from({ length: 5 }, (_, n) => inTurn('red', task(`red ${n}`))),
      inTurn('blue', task('blue')),
      inTurn('green', task('green')),
    ];
    for (let n = 0; n < all.length; n++) {
      ends[n]?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    assert.deepEqual(begun, ['red 0', 'red 1', 'red 2', 'blue', 'green', 'red 3', 'red 4']);
  });
});

describe('the circuit of a lane', () => {
  const failing = (failures: number, clock: { now: number }) => {
    const circuits = openCircuits(log, () => clock.now);
    for (let n = 0; n < failures; n++) circuits.failed('lane', new Error('no answer in time'));
    return circuits;
  };

  it('opens with the fifth failure in a row', () => {
    assert.equal(failing(4, { now: 0 }).width('lane'), 8);
    assert.equal(failing(5, { now: 0 }).width('lane'), 0);
    assert.equal(failing(5, { now: 0 }).width('other'), 8);
  });

  it('lets one through after a while, and closes when that one arrives', () => {
    const clock = { now: 0 };
    const circuits = failing(5, clock);
    clock.now = 9_999;
    assert.equal(circuits.width('lane'), 0);
    clock.now = 10_000;
    assert.equal(circuits.width('lane'), 1);
    circuits.arrived('lane');
    assert.deepEqual([circuits.width('lane'), circuits.open()], [8, 0]);
  });

  it('waits twice as long where that one does not arrive, and five minutes at the most', () => {
    const clock = { now: 0 };
    const circuits = failing(5, clock);
    const waits: number[] = [];
    for (let round = 0; round < 7; round++) {
      const from = clock.now;
      while (circuits.width('lane') === 0) clock.now += 1000;
      waits.push((clock.now - from) / 1000);
      circuits.failed('lane', new Error('no answer in time'));
    }
    assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300]);
  });

  it('is forgotten two hours after the last failure', () => {
    const clock = { now: 0 };
    const circuits = failing(5, clock);
    clock.now = 7_200_000;
    assert.equal(circuits.open(), 1);
    clock.now += 60_001;
    assert.equal(circuits.open(), 0);
  });

  it('counts a lane’s failures from the last arrival on', () => {
    const circuits = failing(4, { now: 0 });
    circuits.arrived('lane');
    for (let n = 0; n < 4; n++) circuits.failed('lane', new Error('no answer in time'));
    assert.equal(circuits.width('lane'), 8);
  });
});
