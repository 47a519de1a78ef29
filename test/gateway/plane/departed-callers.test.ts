import { deepEqual, equal } from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { send } from '../../support/http.js';
import { dial, until } from '../../support/raw.js';
import type { Policy } from '../../../src/gateway/types.js';
import {
  apiAt,
  documentOf,
  openAccess,
  startBackend,
  startPlane,
  type TestBackend,
  type TestPlane,
} from './support.js';

describe('callers that leave while their call is decided', () => {
  let backend: TestBackend;
  let answers: ServerResponse[];
  let plane: TestPlane;
  /** Lets the steps of a call that waits go on. */
  let goOn: (() => void) | undefined;
  let waits: boolean;
  /** What circuits take for the time, in milliseconds. */
  let time: number;

  before(async () => {
    backend = await startBackend((_request, response) => void answers.push(response));
  });
  beforeEach(() => {
    answers = [];
    goOn = undefined;
    waits = true;
    time = 0;
  });
  afterEach(() => plane.close());
  after(() => backend.close());

  async function start(policy: Policy): Promise<void> {
    const document = documentOf('GET /items', 'PUT /items');
    plane = await startPlane([apiAt(backend.url, document, { policy })], {
      now: () => time,
      access: {
        ...openAccess,
        token: () => (waits ? new Promise((resolve) => (goOn = () => resolve(undefined))) : undefined),
      },
    });
  }
  const call = () => send(new URL(`http://127.0.0.1:${plane.port}/gateway/orders/items`));

  /** A call whose caller leaves within its steps, which then go on. */
  async function leave(): Promise<void> {
    const socket = await dial(plane.port);
    socket.write('GET /gateway/orders/items HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => goOn !== undefined);
    socket.destroy();
    await until(() => plane.usage.length > 0);
    goOn?.();
    waits = false;
  }

  it('do not begin a request to the backend any more [SEC-G9]', async () => {
    await start({});
    await leave();
    const heard = call();
    await until(() => answers.length > 0);
    answers.at(-1)?.end('of another');
    deepEqual([(await heard).text, answers.length], ['of another', 1]);
  });

  it('do not take the trial of a circuit with them', async () => {
    await start({ circuitBreaker: { failures: 1, openSeconds: 1 } });
    waits = false;
    const fault = call();
    await until(() => answers.length === 1);
    answers[0]?.writeHead(503).end();
    equal((await fault).status, 503);
    plane.usage.length = 0;
    waits = true;
    time = 1000; // the circuit was open for a second
    await leave();
    let heard = '';
    void call().then(({ text }) => (heard = text));
    await until(() => answers.length > 1 || heard !== '');
    answers[1]?.end('well again');
    await until(() => heard !== '');
    equal(heard, 'well again');
  });
});
