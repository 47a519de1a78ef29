import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiApp, BASIC, Failure, openApiDocument, type AnyOperation } from './api/index.js';
import { countClientsWithScope, takeScopeFromClients } from './clients/index.js';
import { identityResourceOperations } from './identity-resources/index.js';
import { factsOf } from './kernel/request.js';
import { packageRoot } from './kernel/root.js';
import { rateHeaders, type Limits } from './limits/index.js';
import { auditIn, type Log } from './observe/index.js';
import type { TenantRuntime } from './oidc/index.js';
import { ROLE_OPERATIONS } from './roles/index.js';
import type { Store } from './store/index.js';
import { touchTenant, type TenantDirectory } from './tenants/index.js';

/** Every operation of the management API. */
export const OPERATIONS: readonly AnyOperation[] = [
  ...ROLE_OPERATIONS,
  ...identityResourceOperations({ count: countClientsWithScope, takeAway: takeScopeFromClients }),
];

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

export interface ManagementBase {
  store: Store;
  limits: Limits;
  log: Log;
  directory: TenantDirectory;
}

const tooMany = (seconds: number, headers: Record<string, string> = {}): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `too many requests; wait ${seconds} s`,
    headers: { 'Retry-After': String(seconds), ...headers },
  });

/** The management API over the rooms. */
export function managementApi(
  { store, limits, log, directory }: ManagementBase,
  runtimeOf: (request: IncomingMessage) => TenantRuntime,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const app = apiApp(OPERATIONS, {
    store,
    tenantOf: (request) => runtimeOf(request).tenant,
    actorOf: (request, token) => runtimeOf(request).actorOf(token),
    mayCallFrom: (request, origin) => runtimeOf(request).mayCallFrom(origin),
    admit(request) {
      const { retryAfter } = factsOf(request);
      if (retryAfter !== undefined) throw tooMany(retryAfter);
    },
    count(request, clientId) {
      const refusal = limits.byClient('api', runtimeOf(request).tenant.id, clientId);
      if (refusal) throw tooMany(refusal.retryAfter, rateHeaders(refusal));
    },
    async record(db, request, { operation, actor, target, fields }) {
      const { requestId, address } = factsOf(request);
      await auditIn(db, {
        event: operation,
        result: 'success',
        actor: actor?.userKey ?? actor?.clientId,
        clientId: actor?.clientId,
        target,
        address,
        requestId,
        detail: { fields },
      });
    },
    touch: touchTenant,
    refresh: () => directory.refresh(),
    unexpected: (request, err) => log.error({ err, requestId: factsOf(request).requestId }, 'unexpected'),
    note: (request, facts) => void Object.assign(factsOf(request), facts),
  });
  return app.callback();
}

/** The scopes that the operations can be asked with, in the newer document's words, and what each is for. */
const SCOPES = new Map<string, string>([
  ['isms.all', 'Everything'],
  ...OPERATIONS.flatMap(({ access, summary, path }): [string, string][] =>
    access.kind === 'bearer'
      ? [
          [`isms.${access.area}.all`, `Everything under ${path.split('/').slice(0, 3).join('/')}`],
          [`isms.${access.area}.${access.verb}`, summary],
        ]
      : [],
  ),
]);

/** The API of a tenant as an OpenAPI document. */
export const apiDocument = ({ tenant }: TenantRuntime): Record<string, unknown> =>
  openApiDocument(OPERATIONS, tenant, version, Object.fromEntries(SCOPES));
