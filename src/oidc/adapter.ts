import Provider, { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import type { Vault } from '../store/index.js';
import type { RefreshAnswers, Rotated } from './grants/refresh-again.js';
import { familyOf, requestStart } from './jwt-access-token.js';
import { IMPLIED_GRANT, type Artifact, type Artifacts, type StoredArtifact } from './artifacts.js';
import { artifactSealRow } from './sealed.js';

/** Models whose payload holds what a holder presents (an interaction the session's cookie, a device code itself). */
const SEALED = new Set(['Interaction', 'DeviceCode']);

/** Models that live on with use, up to an absolute end. */
const HAS_AN_END = new Set(['Session', 'RefreshToken']);

const ACCESS_TOKENS = new Set(['AccessToken', 'ClientCredentials']);

/** Where a session was used last. */
export interface Device {
  agent: string;
  address: string;
}

const LONGEST_AGENT = 300;

const deviceOf = (ctx: typeof Provider.ctx): Device | undefined =>
  ctx && { agent: ctx.get('user-agent').slice(0, LONGEST_AGENT), address: ctx.ip };

/** What the adapter of one tenant stands on. */
export interface AdapterBase {
  tenantId: string;
  vault: Vault;
  artifacts: Artifacts;
  /** RFC 7591 metadata of an enabled client of the tenant. */
  clientMetadata(clientId: string): Promise<AdapterPayload | undefined>;
  /** A JWT access token of the tenant that is not revoked, as the payload that the library would have kept for it. */
  readJwt(jwt: string): Promise<AdapterPayload | undefined>;
  /** Whether what an exchanged token came of has not ended (grants/token-exchange.ts). */
  originsLive(token: AdapterPayload): Promise<boolean>;
  /** Whether it has come to its absolute end (token-policy.ts). */
  isOver(model: string, payload: AdapterPayload): Promise<boolean>;
  /** Writes down that a family's JWTs have ended. */
  revokeFamily(family: string): Promise<void>;
  answers: RefreshAnswers;
}

/** A factory bound to the tenant, as the library asks for: one adapter a model. */
export const adapterFactory =
  (base: AdapterBase) =>
  (model: string): Adapter => {
    if (model === 'Client') return clientAdapter(base);
    const adapter = new ArtifactAdapter(model, base);
    return ACCESS_TOKENS.has(model) ? accessTokenAdapter(adapter, base) : adapter;
  };

function clientAdapter({ clientMetadata }: AdapterBase): Adapter {
  const never = async (): Promise<undefined> => undefined;
  return {
    find: clientMetadata,
    findByUid: never,
    findByUserCode: never,
    upsert: never,
    consume: never,
    destroy: never,
    revokeByGrantId: never,
  };
}

/**
 * A JWT is not kept, so it stands for itself wherever the library looks a token up: userinfo, introspection, revocation.
 * IdentityServer4's clients ask for `openid` and API scopes together and take the one token to userinfo as well, where
 * the library takes none that has an audience; so there the audience is set aside.
 */
function accessTokenAdapter(adapter: ArtifactAdapter, { readJwt, originsLive }: AdapterBase): Adapter {
  const find = adapter.find.bind(adapter);
  adapter.find = async (id) => {
    const isJwt = id.includes('.');
    const payload = isJwt ? await readJwt(id) : await find(id);
    if (!payload || payload.kind !== adapter.model) return undefined;
    if (!isJwt && payload.extra?.['origin'] && !(await originsLive(payload))) return undefined;
    if (Provider.ctx?.oidc.route === 'userinfo') delete payload.aud;
    return payload;
  };
  return adapter;
}

class ArtifactAdapter implements Adapter {
  constructor(
    readonly model: string,
    readonly base: AdapterBase,
  ) {}

  #sealRow(): string {
    return artifactSealRow(this.base.tenantId, this.model);
  }

  #hashUserCode(userCode: string): string {
    return this.base.vault.hash('user-code', `${this.base.tenantId}:${userCode}`);
  }

  #pack(id: string, payload: AdapterPayload, expiresIn: number | undefined): Artifact {
    const { jti, ...rest }: AdapterPayload & { implied?: boolean } = {
      ...payload,
      ...(this.model === 'Session' && { device: deviceOf(Provider.ctx) }),
    };
    delete rest.consumed;
    delete rest.implied; // the row says so
    const sealed = SEALED.has(this.model);
    return {
      payload: sealed
        ? this.base.vault.seal(JSON.stringify({ jti, ...rest }), this.#sealRow())
        : JSON.stringify(rest),
      uid: payload['implied'] ? IMPLIED_GRANT : (payload.uid ?? payload.sessionUid),
      userCode: payload.userCode === undefined ? undefined : this.#hashUserCode(payload.userCode),
      // A grant is looked up by its own id, which is no secret: nobody presents it.
      grantId: this.model === 'Grant' ? id : payload.grantId,
      accountId: payload.accountId,
      clientId: payload.clientId,
      expiresAt: expiresIn === undefined ? null : Date.now() + expiresIn * 1000,
      createdAt: requestStart(Provider.ctx),
    };
  }

  #unpack(stored: StoredArtifact | undefined, id?: string): AdapterPayload | undefined {
    // What a user allowed a client outlives the tokens: the person need not be asked again.
    if (!stored || (stored.revoked && this.model !== 'Grant')) return undefined;
    const text = SEALED.has(this.model)
      ? this.base.vault.open(stored.payload, this.#sealRow())
      : stored.payload;
    const payload = JSON.parse(text) as AdapterPayload;
    if (id !== undefined) payload.jti = id;
    if (this.model === 'Grant' && stored.uid === IMPLIED_GRANT) payload['implied'] = true;
    if (stored.consumedAt !== null) payload.consumed = Math.floor(stored.consumedAt / 1000);
    return payload;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<undefined> {
    const { tenantId, artifacts } = this.base;
    const artifact = this.#pack(id, payload, expiresIn);
    const source = sourceOf(Provider.ctx);
    if (this.model === 'RefreshToken' && source?.consumed && source.model === 'RefreshToken') {
      if (!(await artifacts.replace(tenantId, this.model, source.id, id, artifact)))
        await this.#lostRace(source);
      setSource({ ...source, id, consumed: false, replaced: source.id });
      return undefined;
    }
    await artifacts.put(tenantId, this.model, id, artifact);
    // Somebody used the same code or token a moment ago and the family was ended: what was just written ends with it.
    if (source && FAMILY.includes(this.model) && !(await artifacts.find(tenantId, source.model, source.id)))
      await this.#endFamily(source);
    return undefined;
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const stored = await this.#lookUp(id);
    const payload = this.#unpack(stored, id);
    if (payload && HAS_AN_END.has(this.model) && (await this.base.isOver(this.model, payload)))
      return undefined;
    if (stored && SOURCES.has(this.model)) {
      const { grantId, uid } = stored;
      const again = this.#comesAgain(stored, payload);
      setSource({ model: this.model, id, grantId, uid, clientId: payload?.clientId, consumed: false, again });
      // All that the library checks of a refresh token it checks now as well; `consume` is where this ends.
      if (again) delete payload?.consumed;
    }
    return payload;
  }

  /**
   * At introspection and revocation the library asks each model in turn whether a token is one of its own; one look into
   * the store answers all of them.
   */
  async #lookUp(id: string): Promise<StoredArtifact | undefined> {
    const { artifacts, tenantId } = this.base;
    const ctx = Provider.ctx;
    if (!ctx || !LOOKS_EVERYWHERE.has(ctx.oidc.route)) return artifacts.find(tenantId, this.model, id);
    let look = looks.get(ctx);
    if (look?.id !== id) looks.set(ctx, (look = { id, found: artifacts.findAny(tenantId, id) }));
    const stored = await look.found;
    return stored?.model === this.model ? stored : undefined;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const payload = this.#unpack(await this.base.artifacts.findByUid(this.base.tenantId, this.model, uid));
    return payload && !(await this.base.isOver(this.model, payload)) ? payload : undefined;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const { artifacts, tenantId } = this.base;
    return this.#unpack(await artifacts.findByUserCode(tenantId, this.model, this.#hashUserCode(userCode)));
  }

  /**
   * The library looks whether something was used, and then says that it is used now; between the two, others look as
   * well. So the store decides who was first. A refresh token is marked only together with the one that replaces it:
   * a crash in between must not cost the client both.
   */
  async consume(id: string): Promise<undefined> {
    const ctx = Provider.ctx;
    const source = sourceOf(ctx);
    if (this.model === 'RefreshToken' && source?.id === id) {
      if (source.again && ctx) await this.base.answers.again(ctx, id);
      setSource({ ...source, consumed: true });
      return undefined;
    }
    if (await this.base.artifacts.consume(this.base.tenantId, this.model, id)) return undefined;
    return this.#usedTwice(source);
  }

  async destroy(id: string): Promise<undefined> {
    await this.base.artifacts.destroy(this.base.tenantId, this.model, id);
    return undefined;
  }

  /**
   * The library ends grants; here only the share of one session ends (see Source), and an access token that is revoked
   * ends alone: the application keeps what it can get another one with (RFC 7009, 2.1).
   */
  async revokeByGrantId(grantId: string): Promise<undefined> {
    const ctx = Provider.ctx;
    const source = sourceOf(ctx);
    if (ctx?.oidc.route === 'revocation' && source?.model === 'AccessToken') return undefined;
    const uid = ctx?.oidc.route === 'end_session_confirm' ? ctx.oidc.session?.uid : source?.uid;
    await this.#endShare(this.model, grantId, uid);
    return undefined;
  }

  async #endShare(model: string, grantId: string, uid: string | null | undefined): Promise<void> {
    const { artifacts, tenantId, revokeFamily } = this.base;
    await artifacts.destroyByGrant(tenantId, model, grantId, uid ?? undefined);
    if (model === 'AccessToken' && uid) await revokeFamily(familyOf(grantId, uid));
  }

  #comesAgain(stored: StoredArtifact, payload: AdapterPayload | undefined): boolean {
    const { consumedAt } = stored;
    const asking = Provider.ctx?.oidc.route === 'token' ? Provider.ctx.oidc.client?.clientId : undefined;
    if (this.model !== 'RefreshToken' || consumedAt === null || asking === undefined) return false;
    return payload?.clientId === asking && this.base.answers.mayComeAgain(asking, consumedAt);
  }

  /** Another request with the same refresh token was a moment earlier: a tab beside this one, or a thief. */
  async #lostRace(source: Source): Promise<never> {
    const ctx = Provider.ctx;
    if (ctx && this.base.answers.mayComeAgain(source.clientId ?? '', Date.now()))
      await this.base.answers.again(ctx, source.id);
    return this.#usedTwice(source);
  }

  /** RFC 6749 4.1.2, RFC 9700 4.14.2: somebody has a copy, so all that came of it ends. */
  async #usedTwice(source: Source | undefined): Promise<never> {
    if (source) await this.#endFamily(source);
    if (this.model === 'PushedAuthorizationRequest')
      throw new errors.InvalidRequestUri('request_uri was already used');
    throw new errors.InvalidGrant(`${this.model} was already used`);
  }

  async #endFamily({ model, id, grantId, uid }: Source): Promise<void> {
    const { artifacts, tenantId } = this.base;
    // The source goes first: whoever is still writing a token of this family looks for it afterwards.
    await artifacts.destroy(tenantId, model, id);
    if (grantId === null) return;
    for (const member of FAMILY) await this.#endShare(member, grantId, uid);
  }
}

/**
 * What the running request presented: a code or a token. All sign-ins of a user at a client share one grant, which
 * holds what the user allowed; what ends when something is used twice is the family, the grant's tokens that came of the
 * same session. The user's other devices stay signed in.
 */
interface Source {
  model: string;
  id: string;
  grantId: string | null;
  uid: string | null;
  clientId?: string | undefined;
  /** A refresh token that is to be marked as used when its successor is written. */
  consumed: boolean;
  /** A refresh token that was used before, and may come again for a moment. */
  again?: boolean;
  /** The refresh token that has just been replaced. */
  replaced?: string;
}

const SOURCES = new Set(['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'AccessToken']);
const FAMILY = ['AccessToken', 'RefreshToken'];

const LOOKS_EVERYWHERE = new Set(['introspection', 'revocation']);
const looks = new WeakMap<object, { id: string; found: Promise<StoredArtifact | undefined> }>();

const sources = new WeakMap<object, Source>();

const sourceOf = (ctx: object | undefined): Source | undefined => ctx && sources.get(ctx);

/** The refresh token that this request has replaced, and what it was. */
export function rotatedBy(ctx: object): { token: string; of: Rotated } | undefined {
  const source = sourceOf(ctx);
  if (source?.replaced === undefined || source.clientId === undefined) return undefined;
  const { clientId, grantId, uid } = source;
  return { token: source.replaced, of: { clientId, grantId, uid } };
}

function setSource(source: Source): void {
  const ctx = Provider.ctx;
  if (ctx && (ctx.oidc.route === 'token' || ctx.oidc.route === 'revocation')) sources.set(ctx, source);
}
