import type { Config } from '../../config.js';
import { soon, type Soon } from '../../kernel/soon.js';
import type { TenantRuntime } from '../../oidc/index.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import type { Tenant } from '../../tenants/index.js';
import type { People } from '../../users/index.js';
import type { AccessSteps } from '../plane/steps.js';
import type { StepResult } from '../types.js';
import { CallerTokens } from './caller-token.js';
import { countChanges } from './fresh-answers.js';
import { ownIssuer } from './issued-token.js';
import { KeySets, type FetchKeys } from './key-sets.js';
import { CallLimits } from './limits.js';
import { otherIssuer } from './other-issuer.js';
import { Permissions } from './permissions.js';
import { checkProductKey, type FindKey } from './product-keys.js';
import { noTokenIsChecked } from './challenges.js';
import { checkScopes } from './scopes.js';
import { TokenChecks } from './tokens.js';
import type { AccessCall } from './types.js';

export interface AccessBase {
  config: Pick<Config, 'limits'>;
  store: Store;
  log: Log;
  people: People;
  /** The tenant's provider (ProviderPool.get). */
  runtimeOf(tenant: Tenant): Soon<TenantRuntime>;
  /** The pair that a product key belongs to (LiveCatalogue.productKey). */
  productKey: FindKey;
  /** Downloads the key set of another authorization server. */
  fetchKeys: FetchKeys;
  /** The time, for the periods of quotas; Date.now where it is left out. */
  now?: () => number;
}

/** The steps of access (plane/steps.ts), over what they need of a call. */
export type Access = {
  [Step in keyof AccessSteps]: (call: AccessCall) => ReturnType<AccessSteps[Step]>;
} & {
  /** Tells the store what was counted here, and learns what other nodes have counted; else once a second. */
  shareLimits(): Promise<void>;
  close(): Promise<void>;
};

export function openAccess(base: AccessBase): Access {
  const listening = base.store.listen({ own: true });
  const changes = countChanges(listening);
  const tokens = new TokenChecks(changes);
  const keySets = new KeySets(base.fetchKeys, base.log);
  const permissions = new Permissions(base.people, changes);
  const callerTokens = new CallerTokens();
  const { store, log, config, now } = base;
  const shared = config.limits.shared ?? store.dialect === 'postgres';
  const limits = new CallLimits({ store, log, shared, ...(now && { now }) });

  return {
    token: (call) => checkToken(call, base, tokens, keySets),
    scopes: (call) => call.caller && checkScopes(call, call.caller),
    permissions: (call) => call.caller && permissions.check(call, call.caller),
    productKey: (call) =>
      soon(checkProductKey(call, base.productKey), (found): StepResult => {
        if (!found || 'word' in found) return found;
        call.key = found.key;
        return undefined;
      }),
    limits: (call) => limits.check(call),
    callerHeader(call) {
      const { caller, tenant } = call;
      if (!caller) return undefined;
      return soon(permissions.of(tenant.id, caller), (held) =>
        soon(base.runtimeOf(tenant), (runtime) =>
          callerTokens.of(call, { caller, permissions: held, runtime }),
        ),
      );
    },
    shareLimits: () => limits.share(),
    async close() {
      listening.close();
      await limits.close();
    },
  };
}

function checkToken(
  call: AccessCall,
  { runtimeOf }: AccessBase,
  tokens: TokenChecks,
  keySets: KeySets,
): Soon<StepResult> {
  const { authServer } = call.version;
  const { requireScopes } = call.policy.steps;
  // Nobody checks scopes there, so a policy that requires some lets nobody pass.
  if (authServer === 'none') return requireScopes && noTokenIsChecked;
  const required = !call.operation.open || requireScopes !== undefined;
  return soon(runtimeOf(call.tenant), (runtime) =>
    authServer === 'self'
      ? tokens.check(call, {
          source: runtime,
          issuer: () => ownIssuer(runtime),
          audience: call.api.audience,
          runtime,
          required,
        })
      : tokens.check(call, {
          source: authServer,
          issuer: () => otherIssuer(keySets, runtime.tenant, authServer),
          audience: authServer.audience,
          runtime,
          required,
        }),
  );
}
