import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Aedes, type Client } from 'aedes';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { temporaryFolder } from './config.js';
import { freePort } from './ports.js';

/** An MQTT broker that asks Gatehouse who its guests are. */
export interface Broker {
  name: string;
  url: string;
  stop(): Promise<void>;
}

const RABBIT_LIBRARY = '/usr/lib/rabbitmq/lib';
const RABBIT_READY = 'Server startup complete';
export const RABBIT_FILES = [RABBIT_LIBRARY, '/usr/bin/erl'];

/**
 * Debian's RabbitMQ with its MQTT plugin.
 * @param origin of the server, with an app's id and secret before its host; RabbitMQ sends them by Basic authentication.
 */
export async function startRabbit(origin: string): Promise<Broker> {
  const folder = temporaryFolder();
  const [amqp, mqtt, distribution, epmd] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  mkdirSync(join(folder, 'log'));
  writeFileSync(join(folder, 'plugins'), '[rabbitmq_mqtt,rabbitmq_auth_backend_http].\n');
  writeFileSync(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.default = 127.0.0.1:${amqp}`,
      `mqtt.listeners.tcp.default = 127.0.0.1:${mqtt}`,
      'mqtt.allow_anonymous = false',
      'auth_backends.1 = http',
      'auth_http.http_method = post',
      ...['user', 'vhost', 'resource', 'topic'].map(
        (call) => `auth_http.${call}_path = ${origin}/mqtt/${call}`,
      ),
    ].join('\n'),
  );
  const [version = ''] = readdirSync(RABBIT_LIBRARY).filter((name) => name.startsWith('rabbitmq_server-'));
  const child = spawn(join(RABBIT_LIBRARY, version, 'sbin', 'rabbitmq-server'), {
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      RABBITMQ_NODENAME: `gatehouse-${mqtt}@localhost`,
      RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_DIST_PORT: String(distribution),
      ERL_EPMD_PORT: String(epmd),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // its scripts start others; the group ends together
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(RABBIT_READY)) resolve();
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('exit', (code) => reject(new Error(`RabbitMQ ended with ${code}: ${output.slice(-3000)}`)));
  });
  return {
    name: 'RabbitMQ',
    url: `mqtt://127.0.0.1:${mqtt}`,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        process.kill(-(child.pid as number), 'SIGKILL');
      }),
  };
}

/** Aedes, asking as docs/mqtt.md shows it. @param base where `auth` and `acl` are, such as `http://localhost:3000/mqtt` */
export async function startAedes(base: string, authorization: string): Promise<Broker> {
  const ask = async (call: string, body: Record<string, unknown>): Promise<{ result?: string }> => {
    const answer = await fetch(`${base}/${call}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { result?: string };
  };
  const users = new WeakMap<Client, string>();
  const may = async (client: Client | null, action: string, topic: string): Promise<boolean> => {
    if (!client) return true; // the broker's own
    const username = users.get(client) ?? '';
    const { result } = await ask('acl', { clientid: client.id, username, action, topic });
    return result === 'allow';
  };
  const broker = await Aedes.createBroker({
    authenticate(client, username, password, done) {
      const peerhost = (client.conn as unknown as { remoteAddress?: string }).remoteAddress;
      ask('auth', { clientid: client.id, username, password: password?.toString(), peerhost }).then(
        ({ result }) => {
          if (username !== undefined) users.set(client, username);
          done(null, result === 'allow');
        },
        () => done(null, false),
      );
    },
    authorizePublish(client, { topic }, done) {
      void may(client, 'publish', topic).then((allowed) =>
        done(allowed ? null : new Error(`${topic} is not allowed`)),
      );
    },
    authorizeSubscribe(client, subscription, done) {
      void may(client, 'subscribe', subscription.topic).then((allowed) =>
        done(null, allowed ? subscription : null),
      );
    },
  });
  const server = createServer(broker.handle);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    name: 'aedes',
    url: `mqtt://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}

/** A device that connects once and does not try again. @throws where it is refused */
export const connectDevice = (url: string, options: IClientOptions): Promise<MqttClient> =>
  connectAsync(url, { reconnectPeriod: 0, connectTimeout: 10_000, ...options }, false);
