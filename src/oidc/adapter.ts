import { parse } from '../kernel/json.js';
import Provider, {
  errors,
  type Adapter,
  type AdapterPayload,
  type KoaContextWithOIDC,
} from './library/index.js';
import { factsOf } from '../kernel/request.js';
import type { Vault } from '../store/index.js';
import type { Catalogue } from './catalogue.js';
import type { GrantFields } from './grants/existing.js';
import type { RefreshAnswers, Rotated } from './grants/refresh-again.js';
import { grantToWrite, stillGranted, type GrantedScopes } from './grants/taken-scopes.js';
import { familyOf, tokenIdOf } from './derived-token.js';
import { noteGeneration, type GenerationOf } from './generation.js';
import { requestStart } from './jwt-access-token.js';
import type { InteractionFields } from './model-fields.js';
import { IMPLIED_GRANT, type Artifact, type Artifacts, type StoredArtifact } from './artifacts.js';
import { checkNamedTarget } from './requested-scope.js';
import { artifactSealRow, SEALED_MODELS } from './sealed.js';
import type { ResourceServerOf } from './token-policy.js';

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

/** A payload with the fields that are the product's own. */
type OwnPayload = AdapterPayload & GrantFields & InteractionFields & GrantedScopes;

/** The client of an interaction, which is among the parameters of its request. */
function clientOf({ params }: AdapterPayload): string | undefined {
  const clientId = params?.['client_id'];
  return typeof clientId === 'string' ? clientId : undefined;
}

/** What the adapter of one tenant stands on. */
export interface AdapterBase {
  tenantId: string;
  catalogue: Catalogue;
  vault: Vault;
  artifacts: Artifacts;
  /** A JWT access token of the tenant that is not revoked, as the payload that the library would have kept for it. */
  readJwt(jwt: string): Promise<AdapterPayload | undefined>;
  /** Whether all that a token was derived from still works (derived-token.ts). */
  sourcesLive(token: AdapterPayload, generation: number): Promise<boolean>;
  generation: GenerationOf;
  /** Whether it has come to its absolute end (token-policy.ts). */
  isOver(model: string, payload: AdapterPayload): Promise<boolean>;
  /** Revokes one access token, by its id (derived-token.ts), and what was derived from it. */
  revokeToken(id: string, expiresAt: number): Promise<void>;
  /** Revokes all tokens of a family that requests until now issue, whether they are written yet or not. */
  revokeFamily(family: string): Promise<void>;
  answers: RefreshAnswers;
  resourceServer: ResourceServerOf;
}

/** A factory bound to the tenant, as the library asks for: one adapter a model. */
export const adapterFactory =
  (base: AdapterBase) =>
  (model: string): Adapter => {
    const adapter = new ArtifactAdapter(model, base);
    return ACCESS_TOKENS.has(model) ? accessTokenAdapter(adapter, base) : adapter;
  };

/**
 * A JWT is not kept, so it stands for itself wherever the library looks a token up: userinfo, introspection, revocation.
 * IdentityServer4's clients ask for `openid` and API scopes together and take the one token to userinfo as well, where
 * the library takes none that has an audience; so there the audience is set aside.
 */
function accessTokenAdapter(adapter: ArtifactAdapter, { readJwt }: AdapterBase): Adapter {
  const find = adapter.find.bind(adapter);
  adapter.find = async (id) => {
    const payload = id.includes('.') ? await readJwt(id) : await find(id);
    if (!payload || payload.kind !== adapter.model) return undefined;
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

  /** What is to be written of a payload, and the revocations that it has seen. */
  async #toWrite(payload: OwnPayload): Promise<{ rest: OwnPayload; generation: number }> {
    const { catalogue, generation } = this.base;
    const { implied: _, was, shown, seen, ...rest } = payload; // the row has what it needs of them
    if (this.model === 'Grant') {
      const { grant, ...written } = grantToWrite(rest as OwnPayload, catalogue, was, shown);
      return { rest: grant, ...written };
    }
    if (this.model === 'Interaction') rest.asOf ??= catalogue.generation;
    if (this.model === 'Session') rest['device'] = deviceOf(Provider.ctx);
    // A page is no request of the library's: what it writes is as old as its look at the interaction.
    const own = Provider.ctx ? undefined : seen;
    return { rest, generation: own ?? (await generation(Provider.ctx, this.model)) };
  }

  async #pack(id: string, payload: OwnPayload, expiresIn: number | undefined): Promise<Artifact> {
    const { rest: written, generation } = await this.#toWrite(payload);
    const { jti, ...rest } = written;
    delete rest.consumed;
    const sealed = SEALED_MODELS.has(this.model);
    return {
      payload: sealed
        ? this.base.vault.seal(JSON.stringify({ jti, ...rest }), this.#sealRow())
        : JSON.stringify(rest),
      uid: payload['implied'] ? IMPLIED_GRANT : (payload.uid ?? payload.sessionUid),
      userCode: payload.userCode === undefined ? undefined : this.#hashUserCode(payload.userCode),
      // A grant is looked up by its own id, which is no secret: nobody presents it.
      grantId: this.model === 'Grant' ? id : payload.grantId,
      accountId: payload.accountId,
      clientId: payload.clientId ?? clientOf(payload),
      expiresAt: expiresIn === undefined ? null : Date.now() + expiresIn * 1000,
      createdAt: requestStart(Provider.ctx),
      generation,
    };
  }

  #unpack(stored: StoredArtifact | undefined, id?: string): AdapterPayload | undefined {
    if (!stored || stored.revoked) return undefined;
    const text = SEALED_MODELS.has(this.model)
      ? this.base.vault.open(stored.payload, this.#sealRow())
      : stored.payload;
    let payload = parse<OwnPayload>(text);
    if (id !== undefined) payload.jti = id;
    if (this.model === 'Grant') {
      payload = stillGranted(payload, this.base.catalogue, stored.generation);
      payload.was = stored.generation;
      if (stored.uid === IMPLIED_GRANT) payload.implied = true;
    }
    if (this.model === 'Interaction') {
      if (this.#showsWhatIsGone(payload, stored)) return undefined;
      payload.seen = stored.seen;
    }
    if (stored.consumedAt !== null) payload.consumed = Math.floor(stored.consumedAt / 1000);
    return payload;
  }

  /** Whether a consent page is about a scope, or an API, that has gone since, and whose name another has got. */
  #showsWhatIsGone(
    { params, prompt, asOf }: OwnPayload,
    { generation }: Pick<StoredArtifact, 'generation'>,
  ): boolean {
    const { name } = (prompt ?? {}) as { name?: string };
    if (name !== 'consent') return false;
    const { scope, resource } = params ?? {};
    const { revokedAt, apiRevokedAt } = this.base.catalogue;
    const shown = asOf ?? generation;
    const isAnother = typeof resource === 'string' && apiRevokedAt(resource) > shown;
    return (
      isAnother || (typeof scope === 'string' && scope.split(' ').some((word) => revokedAt(word) > shown))
    );
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<undefined> {
    const { tenantId, artifacts } = this.base;
    const artifact = await this.#pack(id, payload, expiresIn);
    const source = sourceOf(Provider.ctx);
    if (this.model === 'RefreshToken' && source?.consumed && source.model === 'RefreshToken') {
      if (!(await artifacts.replace(tenantId, this.model, source.id, id, artifact)))
        await this.#lostRace(source);
      setSource({ ...source, id, consumed: false, replaced: source.id });
      return undefined;
    }
    await artifacts.put(tenantId, this.model, id, artifact);
    return undefined;
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const stored = await this.#lookUp(id);
    const payload = this.#unpack(stored, id);
    this.#note(stored, payload);
    if (payload && HAS_AN_END.has(this.model) && (await this.base.isOver(this.model, payload)))
      return undefined;
    if (payload && stored && ACCESS_TOKENS.has(this.model)) {
      if (this.base.catalogue.isForAnotherApi(payload['aud'], payload.extra?.['aid'])) return undefined;
      if (payload.extra && !(await this.base.sourcesLive(payload, stored.generation))) return undefined;
    }
    if (stored && SOURCES.has(this.model)) {
      const { grantId, uid } = stored;
      const again = this.#comesAgain(stored, payload);
      setSource({ model: this.model, id, grantId, uid, consumed: false, again });
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
    const stored = await this.base.artifacts.findByUid(this.base.tenantId, this.model, uid);
    const payload = this.#unpack(stored);
    this.#note(stored, payload);
    return payload && !(await this.base.isOver(this.model, payload)) ? payload : undefined;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const { artifacts, tenantId } = this.base;
    const stored = await artifacts.findByUserCode(tenantId, this.model, this.#hashUserCode(userCode));
    this.#note(stored, undefined);
    return this.#unpack(stored);
  }

  /** What the request issues is as old as its first look, and as the check of the password that it relies on. */
  #note(stored: StoredArtifact | undefined, payload: AdapterPayload | undefined): void {
    noteGeneration(Provider.ctx, stored?.seen);
    const { login } = (this.model === 'Interaction' && payload?.result) || {};
    if (login !== undefined) noteGeneration(Provider.ctx, stored?.generation);
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
      if (ctx) checkNamedTarget(ctx, this.base);
      setSource({ ...source, consumed: true });
      return undefined;
    }
    if (await this.base.artifacts.consume(this.base.tenantId, this.model, id)) return undefined;
    return this.#usedTwice(source);
  }

  async destroy(id: string): Promise<undefined> {
    // Only revocation destroys an access token. The row is gone then, but what was derived from it looks for this one.
    if (ACCESS_TOKENS.has(this.model)) await this.base.revokeToken(tokenIdOf(id), Date.now());
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
    if (model === 'AccessToken' && uid) await revokeFamily(familyOf(grantId, uid));
    await artifacts.destroyByGrant(tenantId, model, grantId, uid ?? undefined);
  }

  #comesAgain(stored: StoredArtifact, payload: AdapterPayload | undefined): boolean {
    const { consumedAt } = stored;
    const asking = Provider.ctx?.oidc.route === 'token' ? Provider.ctx.oidc.client : undefined;
    if (this.model !== 'RefreshToken' || consumedAt === null || asking === undefined) return false;
    return payload?.clientId === asking.clientId && this.base.answers.mayComeAgain(asking, consumedAt);
  }

  /** Another request with the same refresh token was a moment earlier: a tab beside this one, or a thief. */
  async #lostRace(source: Source): Promise<never> {
    const ctx = Provider.ctx;
    const client = ctx?.oidc.client;
    if (client && this.base.answers.mayComeAgain(client, Date.now()))
      await this.base.answers.again(ctx, source.id);
    return this.#usedTwice(source);
  }

  /** RFC 6749 4.1.2, RFC 9700 4.14.2: there is a copy of it, so everything that was issued for it is revoked. */
  async #usedTwice(source: Source | undefined): Promise<never> {
    if (source) await this.#endFamily(source);
    if (this.model === 'PushedAuthorizationRequest')
      throw new errors.InvalidRequestUri('request_uri was already used');
    throw new errors.InvalidGrant(`${this.model} was already used`);
  }

  async #endFamily({ model, id, grantId, uid }: Source): Promise<void> {
    const { artifacts, tenantId, revokeFamily } = this.base;
    // One row revokes the whole family, together with what the winner of a race has not written yet. The rest tidies up.
    if (grantId !== null && uid !== null) await revokeFamily(familyOf(grantId, uid));
    await artifacts.destroy(tenantId, model, id);
    if (grantId === null) return;
    for (const member of FAMILY) await artifacts.destroyByGrant(tenantId, member, grantId, uid ?? undefined);
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
export function rotatedBy(ctx: KoaContextWithOIDC): Rotated | undefined {
  const source = sourceOf(ctx);
  if (source?.replaced === undefined) return undefined;
  const { replaced: token, grantId, uid } = source;
  const { generation = 0 } = factsOf(ctx.req);
  return { token, grantId, uid, generation };
}

function setSource(source: Source): void {
  const ctx = Provider.ctx;
  if (ctx && (ctx.oidc.route === 'token' || ctx.oidc.route === 'revocation')) sources.set(ctx, source);
}
