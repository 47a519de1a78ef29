import { soon, type Soon } from '../../kernel/soon.js';
import type { TenantRuntime } from '../../oidc/index.js';
import type { Store } from '../../store/index.js';
import type { Tenant } from '../../tenants/index.js';
import type { People } from '../../users/index.js';
import type { AccessSteps } from '../plane/steps.js';
import type { StepResult } from '../types.js';
import { CallerTokens } from './caller-token.js';
import { countChanges } from './fresh-answers.js';
import { ownIssuer } from './issued-token.js';
import { Permissions } from './permissions.js';
import { checkProductKey, type FindKey } from './product-keys.js';
import { noTokenIsChecked } from './challenges.js';
import { checkScopes } from './scopes.js';
import { TokenChecks } from './tokens.js';
import type { AccessCall } from './types.js';

export interface AccessBase {
  store: Store;
  people: People;
  /** The tenant's provider (ProviderPool.get). */
  runtimeOf(tenant: Tenant): Soon<TenantRuntime>;
  /** The pair that a product key belongs to (LiveCatalogue.productKey). */
  productKey: FindKey;
}

/** The steps of access (plane/steps.ts), over what they need of a call. */
export type Access = {
  [Step in Exclude<keyof AccessSteps, 'limits'>]: (call: AccessCall) => ReturnType<AccessSteps[Step]>;
} & {
  close(): Promise<void>;
};

export function openAccess(base: AccessBase): Access {
  const listening = base.store.listen();
  const changes = countChanges(listening);
  const tokens = new TokenChecks(changes);
  const permissions = new Permissions(base.people, changes);
  const callerTokens = new CallerTokens();

  return {
    token: (call) => checkToken(call, base, tokens),
    scopes: (call) => call.caller && checkScopes(call, call.caller),
    permissions: (call) => call.caller && permissions.check(call, call.caller),
    productKey: (call) =>
      soon(checkProductKey(call, base.productKey), (found): StepResult => {
        if (!found || 'word' in found) return found;
        call.key = found.key;
        return undefined;
      }),
    callerHeader(call) {
      const { caller, tenant } = call;
      if (!caller) return undefined;
      return soon(permissions.of(tenant.id, caller), (held) =>
        soon(base.runtimeOf(tenant), (runtime) =>
          callerTokens.of(call, { caller, permissions: held, runtime }),
        ),
      );
    },
    async close() {
      listening.close();
    },
  };
}

function checkToken(call: AccessCall, { runtimeOf }: AccessBase, tokens: TokenChecks): Soon<StepResult> {
  const { authServer } = call.version;
  const { requireScopes } = call.policy.steps;
  // Nobody checks scopes there, so a policy that requires some lets nobody pass.
  if (authServer === 'none') return requireScopes && noTokenIsChecked;
  const required = !call.operation.open || requireScopes !== undefined;
  return soon(runtimeOf(call.tenant), (runtime) =>
    tokens.check(call, {
      source: runtime,
      issuer: () => ownIssuer(runtime),
      audience: call.api.audience,
      runtime,
      required,
    }),
  );
}
