import type { Soon } from '../../kernel/soon.js';
import type { TenantRuntime } from '../../oidc/index.js';
import type { Caller } from '../types.js';
import type { AccessCall } from './types.js';

/** Seconds that a backend may take it for. */
const LIFE = 60;
/** A token is used again for half of its life, so that each call brings one that is good for half a minute at least. */
const REUSE_MS = 30_000;
const TYPE = 'gatehouse-caller+jwt';
const ALG = 'ES256';

interface Signed {
  permissions: ReadonlySet<string>;
  runtime: TenantRuntime;
  madeAt: number;
  token: Promise<string>;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * The value of `Gatehouse-Caller`: a JWT that says who calls, for the backend, which checks it by the tenant's key set. One is
 * signed for a token, suffix and revision, and used again until it is half a minute old or the caller's permissions change.
 */
export class CallerTokens {
  /** A caller's object lives as long as its access token is known and has the same scopes. */
  readonly #signed = new WeakMap<Caller, Map<string, Signed>>();

  /** @throws Error where the tenant has no key for ES256 */
  of(
    call: AccessCall,
    {
      caller,
      permissions,
      runtime,
    }: { caller: Caller; permissions: ReadonlySet<string>; runtime: TenantRuntime },
  ): Soon<string> {
    const kept = this.#keptFor(caller);
    const what = `${call.api.suffix} ${call.revision.id} ${call.key?.product.id ?? ''}`;
    const now = performance.now();
    const last = kept.get(what);
    if (last && last.permissions === permissions && last.runtime === runtime && now - last.madeAt < REUSE_MS)
      return last.token;
    const token = sign(call, caller, permissions, runtime);
    kept.set(what, { permissions, runtime, madeAt: now, token });
    token.catch(() => kept.delete(what));
    return token;
  }

  #keptFor(caller: Caller): Map<string, Signed> {
    const kept = this.#signed.get(caller) ?? new Map<string, Signed>();
    this.#signed.set(caller, kept);
    return kept;
  }
}

async function sign(
  { api, version, revision, key: presented }: AccessCall,
  { subject, clientId, scopes }: Caller,
  permissions: ReadonlySet<string>,
  { tenant, keys }: TenantRuntime,
): Promise<string> {
  const key = keys.signing.find(({ alg }) => alg === ALG);
  if (!key) throw new Error(`the tenant has no key for ${ALG}`);
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss: tenant.issuer,
    sub: subject,
    client_id: clientId,
    scope: [...scopes].join(' '),
    permission: [...permissions],
    aud: `urn:gatehouse:gateway:${api.suffix}`,
    api: api.id,
    ...(version.name !== '' && { version: version.name }),
    revision: revision.number,
    ...(presented && { product: presented.product.id }),
    iat,
    exp: iat + LIFE,
  };
  const data = `${encode({ alg: ALG, typ: TYPE, kid: key.kid })}.${encode(claims)}`;
  return `${data}.${Buffer.from(await key.sign(Buffer.from(data))).toString('base64url')}`;
}
