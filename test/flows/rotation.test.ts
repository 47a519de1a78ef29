import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import type { Gatehouse } from '../../src/main.js';
import { rotateKeys, scheduleOf } from '../../src/oidc/index.js';
import { STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const SOON = { keys: { rotationDays: 1, publishSeconds: 2, intervalSeconds: 1 } };

/** Checks tokens as a resource server does: with a key set that it keeps for as long as its headers say, and no longer. */
class ResourceServer {
  #keys: { set: ReturnType<typeof createLocalJWKSet>; until: number } | undefined;

  constructor(readonly read: () => Promise<{ text: string; headers: Headers }>) {}

  async verify(jwt: string): Promise<void> {
    if (!this.#keys || Date.now() >= this.#keys.until) {
      const { text, headers } = await this.read();
      const age = /max-age=(\d+)/.exec(headers.get('cache-control') ?? '')?.[1];
      const set = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
      this.#keys = { set, until: Date.now() + Number(age) * 1000 };
    }
    await jwtVerify(jwt, this.#keys.set);
  }
}

/** So many tokens are checked at least, however slow the machine is. */
const ENOUGH = 100;

/** Between two rounds of requests that wait for a key to be used. */
const BREATH_MS = 10;

for (const kind of STORES)
  describe(`keys that rotate under load, on ${kind}`, () => {
    let server: TestServer;
    let other: Gatehouse;
    let secret: string;

    before(async () => {
      server = await startServer(kind, {}, SOON);
      // SQLite is for one node; a second process on the same file behaves like one all the same.
      other = await server.addNode();
      await server.addApi('orders', ['orders.read']);
      secret = await server.addClient('machine', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
      });
    });
    after(async () => {
      await other.stop();
      await server.stop();
    });

    it('fail no verification at a client that reads the keys as often as it is told [SEC-51]', async () => {
      const host = new URL(server.issuer).host;
      const at = (port: number, path: string): URL => new URL(path, `http://127.0.0.1:${port}`);
      const ports = [server.port, other.port];
      const token = async (port: number): Promise<string> => {
        const heard = await send(at(port, '/connect/token'), {
          form: { grant_type: 'client_credentials', scope: 'orders.read' },
          headers: { ...server.basic('machine', secret), host },
        });
        return String((JSON.parse(heard.text) as Record<string, unknown>)['access_token']);
      };
      const verifiers = ports.map(
        (port) => new ResourceServer(() => send(at(port, '/.well-known/jwks.json'), { headers: { host } })),
      );
      const { config, store, vault } = server.context;
      await rotateKeys(store, vault, server.home.tenant.id, scheduleOf(config));
      const signedBy = ports.map(() => new Set<string | undefined>());
      let checked = 0;
      // Until both nodes have signed with both keys, everybody checks everything.
      while (signedBy.some((kids) => kids.size < 2) || checked < ENOUGH) {
        for (const [at, port] of ports.entries()) {
          const jwt = await token(port);
          signedBy[at]?.add(decodeProtectedHeader(jwt).kid);
          for (const verifier of verifiers) await verifier.verify(jwt);
          checked += 1;
        }
        await sleep(BREATH_MS);
      }
    });
  });
