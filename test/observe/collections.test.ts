import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { CLIENT_SECRET, environment, temporaryFolder } from '../support/config.js';
import { basic } from '../support/http.js';
import { often } from '../support/profile.js';
import { kill, managementToken, serve, type Running } from '../support/process.js';

const APP = 'devices';
const APP_SECRET = 'devices-secret-0123456789-0123456789';
const NAME = 'valve-1';
const PASSWORD = 'valve-password-1';
/**
 * V8 decides after some thousands of requests what it makes among its old objects. Where a request takes little memory, so many
 * are needed for some collections.
 */
const REQUESTS = { short: 12_000, long: 12_000 };
const LARGE_REQUESTS = { short: 6000, long: 12_000 };
const CONNECTIONS = 16;
/** A smaller memory than before by so much is the work of a full collection. */
const FULL_MB = 1;

/** Has V8 say of each collection what it left, in MB, on the standard output. */
const TRACE = "data:text/javascript,import v8 from 'node:v8';v8.setFlagsFromString('--trace-gc')";
const QUICK = /Scavenge [\d.]+ \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB/g;

interface Asked {
  method: string;
  path: string;
  authorization?: string;
  type?: string;
  body?: string;
}

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const asClient = basic('gatehouse-cli', CLIENT_SECRET);
const asApp = basic(APP, APP_SECRET);

describe('what a request holds is free after a quick collection', function () {
  let server: Running;
  let port: string;
  let host: string;
  let token: string;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  before(async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'config'));
    const file = { limits: { enabled: false } };
    writeFileSync(join(folder, 'config', 'production.json'), JSON.stringify(file));
    const env = await environment(
      'sqlite',
      {
        NODE_ENV: 'production',
        GATEHOUSE_MQTT_APP_ID: APP,
        GATEHOUSE_MQTT_APP_SECRET: APP_SECRET,
        NODE_OPTIONS: `--import="${TRACE}"`,
      },
      'started',
    );
    server = await serve(env, [], folder);
    port = env['PORT'] as string;
    host = `localhost:${port}`;
    token = await managementToken(`http://${host}`);
    await ask({
      method: 'POST',
      path: '/api/v4/auth_username',
      authorization: asApp,
      type: JSON_TYPE,
      body: JSON.stringify({ username: NAME, password: PASSWORD }),
    });
  });
  after(async () => {
    agent.destroy();
    await kill(server, 'SIGTERM');
  });

  function ask({ method, path, authorization, type, body = '' }: Asked): Promise<void> {
    const headers = {
      host,
      'content-length': Buffer.byteLength(body),
      ...(authorization && { authorization }),
      ...(type && { 'content-type': type }),
    };
    return new Promise((resolve, reject) => {
      request({ agent, host: '127.0.0.1', port, method, path, headers }, (answer) => {
        answer.resume();
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`${path}: ${answer.statusCode}`)),
        );
      })
        .on('error', reject)
        .end(body);
    });
  }

  /** By how many KB a request makes the memory grow, as quick collections see it. */
  async function growth(asked: () => Asked, requests: number): Promise<number> {
    const before = server.stdout().length;
    let left = requests;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await ask(asked());
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    const sizes = [...server.stdout().slice(before).matchAll(QUICK)].map(([, mb]) => Number(mb));
    const late = sizes.slice(Math.floor(sizes.length / 2));
    const steps = late.slice(1).map((mb, n) => mb - (late[n] as number));
    assert.ok(steps.length >= 5, `only ${steps.length} quick collections`);
    const grown = steps.filter((mb) => mb > -FULL_MB).reduce((sum, mb) => sum + mb, 0);
    return (grown * 1000) / (requests / 2);
  }

  /** The most KB that each may leave until a full collection; a request that is kept until then is 1 KB or 2 KB more. */
  const CASES: [what: string, mostKB: number, () => Asked, requests?: typeof REQUESTS][] = [
    [
      'for a token',
      5,
      () => ({
        method: 'POST',
        path: '/connect/token',
        authorization: asClient,
        type: FORM,
        body: 'grant_type=client_credentials&scope=isms.all',
      }),
      LARGE_REQUESTS,
    ],
    [
      'to introspect one',
      1.8,
      () => ({
        method: 'POST',
        path: '/connect/introspect',
        authorization: asClient,
        type: FORM,
        body: `token=${token}`,
      }),
      LARGE_REQUESTS,
    ],
    [
      'of the management API',
      0.5,
      () => ({ method: 'GET', path: '/api/Role/Codes', authorization: `Bearer ${token}` }),
    ],
    [
      'of a broker',
      0.5,
      () => ({
        method: 'POST',
        path: '/mqtt/auth',
        authorization: asApp,
        type: JSON_TYPE,
        body: JSON.stringify({ username: NAME, clientid: NAME, password: PASSWORD }),
      }),
    ],
    ['for a document', 0.5, () => ({ method: 'GET', path: '/.well-known/openid-configuration' })],
  ];
  for (const [what, mostKB, asked, requests = REQUESTS] of CASES)
    it(`a request ${what}`, async () => {
      const kb = await growth(asked, often(requests));
      assert.ok(kb < mostKB, `each request left ${kb} KB`);
    });
});
