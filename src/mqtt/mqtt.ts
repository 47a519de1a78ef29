import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../config.js';
import { touchTenant } from '../tenants/index.js';
import type { Lockout } from '../users/index.js';
import { openBroker, type Broker, type BrokerBase } from './broker.js';
import { openDeviceLists } from './bulk.js';
import { openDevices } from './devices.js';
import { openFrame } from './frame.js';
import { openGuesses } from './guesses.js';
import { openNameSearch } from './name-search.js';
import type { PasswordSignIns } from './password-sign-ins.js';
import { devicePasswords } from './passwords.js';
import { mqttApi } from './routes.js';
import { openTokenSignIns } from './tokens.js';

export interface MqttBase extends Omit<BrokerBase, 'devices' | 'exchange'> {
  config: Config;
  lockout: Lockout;
  passwordSignIns: PasswordSignIns;
  /** The tenant that a call of `/api/v4` is in. */
  tenantIdOf(request: IncomingMessage): string;
}

export interface Mqtt extends Pick<Broker, 'handle' | 'fail'> {
  /** `/api/v4/`: what manages devices. */
  api(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Devices' credentials and rights: the calls that manage them, and those by which brokers check them. */
export function openMqtt(base: MqttBase): Mqtt {
  const { config, store, lockout, log, tenantIdOf, passwordSignIns } = base;
  const passwords = devicePasswords(config.mqtt.passwords);
  const tokens = openTokenSignIns(store);
  const guesses = openGuesses(store, lockout, log);
  const devices = openDevices({ store, config, guesses, passwords, tokens, passwordSignIns });
  const broker = openBroker({ ...base, devices, exchange: config.mqtt.exchange });
  const frame = openFrame(base, tenantIdOf);
  return {
    api: mqttApi(frame, {
      vault: base.vault,
      passwords,
      lists: openDeviceLists(config.mqtt.passwords, passwords),
      search: openNameSearch(store),
      async appsChanged(request) {
        broker.forgetApps();
        await store.transaction((trx) => touchTenant(trx, tenantIdOf(request))); // for the other nodes
      },
    }),
    handle: broker.handle,
    fail: broker.fail,
  };
}
