import assert from 'node:assert/strict';
import { createHmac, type KeyObject } from 'node:crypto';
import { decodeJwt, type JWTPayload } from 'jose';
import { GRANT_TYPES, type ClientSettings } from '../../../src/clients/index.js';
import { newId } from '../../../src/kernel/ids.js';
import type { Tenant } from '../../../src/tenants/index.js';
import { basic, bodyOf, send } from '../../support/http.js';
import { PASSWORD, type TestServer } from '../../support/server.js';
import { loadKeyRing } from '../../support/key-ring.js';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1000);

/** What an application of the tests is: it gets tokens for itself and for users, and serves every API. */
export const APPLICATION: Partial<ClientSettings> = {
  grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password],
  scopes: ['openid', 'orders.read', 'orders.write', 'stock.read', 'parts.read'],
};

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Gets and forges access tokens of a server. */
export class TokenMaker {
  constructor(
    readonly server: TestServer,
    readonly clientId: string,
    readonly secret: string,
    readonly tenant: Tenant = server.home.tenant,
  ) {}

  async ask(
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    const { host } = new URL(this.tenant.issuer);
    const answer = await send(new URL('/connect/token', `http://127.0.0.1:${this.server.port}`), {
      form,
      headers: { authorization: basic(this.clientId, this.secret), ...headers, host },
    });
    assert.equal(answer.status, 200, answer.text);
    return bodyOf(answer);
  }

  /** A token that the client has for itself. */
  async own(scope = 'orders.read', headers: Record<string, string> = {}): Promise<string> {
    return String((await this.ask({ grant_type: 'client_credentials', scope }, headers))['access_token']);
  }

  /** The tokens of a user. */
  ofUser(
    username: string,
    scope = 'openid orders.read',
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    return this.ask({ grant_type: 'password', username, password: PASSWORD, scope }, headers);
  }

  async revoke(token: string): Promise<void> {
    const { host } = new URL(this.tenant.issuer);
    const answer = await send(new URL('/connect/revocation', `http://127.0.0.1:${this.server.port}`), {
      form: { token },
      headers: { authorization: basic(this.clientId, this.secret), host },
    });
    assert.equal(answer.status, 200, answer.text);
  }

  /** A token that the tenant's own key signs, with other claims or another type than the provider gives. */
  async signed(claims: JWTPayload, typ: string | null = 'at+jwt'): Promise<string> {
    const { store, vault } = this.server.context;
    const { signing } = await loadKeyRing(store, vault, this.tenant.id);
    const key = signing.find(({ alg }) => alg === 'ES256');
    assert.ok(key);
    const body = { ...(await this.claims()), ...claims };
    const data = `${encode({ alg: 'ES256', ...(typ !== null && { typ }), kid: key.kid })}.${encode(body)}`;
    return `${data}.${Buffer.from(await key.sign(Buffer.from(data))).toString('base64url')}`;
  }

  /** One without a signature (RFC 7518, 3.6). */
  async unsigned(): Promise<string> {
    return `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(await this.claims())}.`;
  }

  /** One that takes the public key for a secret (RFC 8725, 2.1). */
  async keyedByPublicKey(): Promise<string> {
    const { store, vault } = this.server.context;
    const { verifying } = await loadKeyRing(store, vault, this.tenant.id);
    const [kid, { key }] = [...verifying][0] as [string, { key: KeyObject }];
    const data = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${encode(await this.claims())}`;
    const secret = key.export({ format: 'pem', type: 'spki' });
    return `${data}.${createHmac('sha256', secret).update(data).digest('base64url')}`;
  }

  /** The claims of a token that works, under an id of its own. */
  async claims(): Promise<JWTPayload> {
    return Object.assign(decodeJwt(await this.own()), { jti: newId(), iat: now(), exp: now() + 300 });
  }
}
