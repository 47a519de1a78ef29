import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import { insertApp } from '../../src/mqtt/index.js';
import { connectDevice, RABBIT_FILES, startAedes, startRabbit, type Broker } from '../support/brokers.js';
import { STORES, type StoreKind } from '../support/config.js';
import { APP, APP_SECRET, deviceApi, type DeviceApi } from '../support/devices.js';
import { basic } from '../support/http.js';
import { needsFiles } from '../support/needs.js';
import { startServer, type TestServer } from '../support/server.js';

/** RabbitMQ takes its time to start, and asks the same of either store. */
const JOURNEYS: { broker: 'RabbitMQ' | 'aedes'; stores: readonly StoreKind[] }[] = [
  { broker: 'RabbitMQ', stores: ['sqlite'] },
  { broker: 'aedes', stores: STORES },
];
const BROKER_SECRET = 'broker-secret-0123456789-0123456789';

for (const { broker: kind, stores } of JOURNEYS)
  for (const store of stores)
    describe(`devices at ${kind}, on ${store}`, function () {
      let server: TestServer;
      let api: DeviceApi;
      let broker: Broker;
      before(async function () {
        if (kind === 'RabbitMQ') needsFiles(this, RABBIT_FILES, 'RabbitMQ (apt-get install rabbitmq-server)');
        server = await startServer(store, {}, { limits: { enabled: false } });
        api = await deviceApi(server);
        await server.change((db) =>
          insertApp(db, server.context.vault, { appId: 'broker', secret: BROKER_SECRET, rights: ['broker'] }),
        );
        const origin = `127.0.0.1:${server.port}`;
        broker =
          kind === 'RabbitMQ'
            ? await startRabbit(`http://broker:${BROKER_SECRET}@${origin}`)
            : await startAedes(`http://${origin}/mqtt`, basic('broker', BROKER_SECRET));
        await api.call('POST', 'acl/$all', [
          { topic: 'up/%c/#', action: 'pub', access: 'allow' },
          { topic: 'down/%c', action: 'sub', access: 'allow' },
          { topic: 'all/#', action: 'pubsub', access: 'allow' },
        ]);
      });
      after(async () => {
        await broker?.stop();
        await server?.stop();
      });

      const add = async (username: string, more: Record<string, unknown> = {}): Promise<void> => {
        const { status } = await api.call('POST', 'auth_username', { username, password: 'secret', ...more });
        assert.equal(status, 200);
      };
      const connect = (username: string, password = 'secret', clientId = username): Promise<MqttClient> =>
        connectDevice(broker.url, { username, password, clientId, protocolVersion: 4 });
      const closing = (client: MqttClient): Promise<'closed'> =>
        new Promise((resolve) => client.once('close', () => resolve('closed')));
      const refuses = (username: string, password?: string): Promise<void> =>
        assert.rejects(connect(username, password), /not authorized|bad username|connection refused/i);

      it('signs one in by user name, carries what it may publish to who may subscribe', async () => {
        await add('sender');
        await add('reader');
        const reader = await connect('reader');
        await reader.subscribeAsync('all/+', { qos: 1 });
        const sender = await connect('sender');
        const heard = new Promise<[string, Buffer]>((resolve) =>
          reader.once('message', (topic, payload) => resolve([topic, payload])),
        );
        await sender.publishAsync('all/1', 'hello', { qos: 1 });
        const [topic, payload] = await heard;
        assert.deepEqual([topic, payload.toString()], ['all/1', 'hello']);
        await Promise.all([sender.endAsync(), reader.endAsync()]);
      });

      it('refuses a wrong password, a name that nobody has, a disabled device and an expired one', async () => {
        await add('good');
        await add('disabled', { enabled: false });
        await add('expired', { expiresAt: '2020-01-01T00:00:00Z' });
        await refuses('good', 'wrong');
        await refuses('nobody');
        await refuses('disabled');
        await refuses('expired');
      });

      it('takes a changed password on the next connect, and the old one no more', async () => {
        await add('renewed');
        await (await connect('renewed')).endAsync();
        await api.call('PUT', 'auth_username/renewed', { password: 'another' });
        await refuses('renewed', 'secret');
        await (await connect('renewed', 'another')).endAsync();
      });

      it('keeps a device to its own topics, publishing and subscribing', async () => {
        await add('own');
        const allowed = await connect('own');
        await allowed.publishAsync('up/own/state', '1', { qos: 1 });
        await allowed.subscribeAsync('down/own', { qos: 1 });
        await allowed.endAsync();

        const publishing = await connect('own');
        const closed = closing(publishing);
        publishing.publish('up/another/state', '1', { qos: 1 });
        await closed; // both brokers end the connection
        await publishing.endAsync(true);

        const subscribing = await connect('own');
        const ended = closing(subscribing);
        const answered = subscribing.subscribeAsync('down/another').then(
          () => 'granted',
          () => 'refused',
        );
        assert.notEqual(await Promise.race([answered, ended]), 'granted');
        await subscribing.endAsync(true);
      });

      it('signs in by a token of this tenant, with the rights that it names, until it is revoked', async () => {
        await server.addApi('mqtt', ['mqtt.connect'], { userClaims: ['acl'] });
        const secret = await server.addClient('meter', {
          grantTypes: ['client_credentials'],
          scopes: ['mqtt.connect'],
        });
        const { body } = await server.post(
          '/connect/token',
          { grant_type: 'client_credentials', scope: 'mqtt.connect' },
          server.basic('meter', secret),
        );
        const token = body['access_token'] as string;
        const meter = await connect('meter', token);
        await meter.publishAsync('up/meter/1', '1', { qos: 1 });
        await meter.endAsync();
        await refuses('another', token);
        await server.post('/connect/revocation', { token }, server.basic('meter', secret));
        await refuses('meter', token);
      });
    });

for (const store of STORES)
  describe(`two tenants, a broker each, on ${store}`, () => {
    it('have a device of the same name with two passwords', async () => {
      const server = await startServer(store, {}, { limits: { enabled: false } });
      const tenant = await server.addTenant('Other', `other-broker-${store}.localhost:${server.port}`);
      await server.refresh();
      const here = await deviceApi(server);
      const there = await deviceApi(server, { tenant, origin: tenant.issuer });
      await here.call('POST', 'auth_username', { username: 'same', password: 'here' });
      await there.call('POST', 'auth_username', { username: 'same', password: 'there' });
      const origin = `http://127.0.0.1:${server.port}`;
      const brokers = await Promise.all([
        startAedes(`${origin}/mqtt`, basic(APP, APP_SECRET)),
        startAedes(`${origin}/mqtt/t/Other`, basic(APP, APP_SECRET)),
      ]);
      const lets = (broker: Broker, password: string): Promise<boolean> =>
        connectDevice(broker.url, { username: 'same', password, clientId: 'same' }).then(
          (client) => client.endAsync().then(() => true),
          () => false,
        );
      const [first, second] = brokers;
      assert.deepEqual(
        [
          await lets(first, 'here'),
          await lets(first, 'there'),
          await lets(second, 'here'),
          await lets(second, 'there'),
        ],
        [true, false, false, true],
      );
      await Promise.all(brokers.map((broker) => broker.stop()));
      await server.stop();
    });
  });
