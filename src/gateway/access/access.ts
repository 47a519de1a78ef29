import type { Soon } from '../../kernel/soon.js';
import type { Config } from '../../config.js';
import type { Log } from '../../observe/index.js';
import type { Store } from '../../store/index.js';
import type { People } from '../../users/index.js';
import type { Problem } from '../plane/problem.js';
import { countChanges } from './fresh-answers.js';
import { ownIssuer } from './issued-token.js';
import { TokenChecks } from './tokens.js';
import type { AccessCall, CheckedToken } from './types.js';

export interface AccessBase {
  config: Config;
  log: Log;
  people: People;
  store: Store;
}

export interface Access {
  /**
   * Step 6: the access token.
   * @returns undefined where none came and none is needed, or where tokens are not the gateway's business.
   */
  token(call: AccessCall): Soon<Problem | CheckedToken | undefined>;
  close(): Promise<void>;
}

export function openAccess({ store }: AccessBase): Access {
  const listening = store.listen();
  const changes = countChanges(listening);
  const tokens = new TokenChecks(changes);
  return {
    token(call) {
      const { runtime, version, api, operation, requireScopes } = call;
      if (version.authServer === 'none') return undefined;
      const required = !operation.open || requireScopes !== undefined;
      return tokens.check(call, {
        source: runtime,
        issuer: () => ownIssuer(runtime),
        audience: api.audience,
        required,
      });
    },
    async close() {
      listening.close();
    },
  };
}
