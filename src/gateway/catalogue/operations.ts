import { defineRaw, type AnyOperation } from '../../api/index.js';
import { etagOf } from '../../api/etag.js';
import { ofGateway } from './api.js';
import { authServerOperations } from './auth-servers.js';
import { keyOperations } from './keys.js';
import { productOperations } from './products.js';
import { publishOperation } from './publish.js';
import { releaseOperations } from './releases.js';
import { publishRevisionOperation, publishVersionOperation } from './revise.js';
import type { CatalogueBase } from './types.js';
import { versionOperations } from './versions.js';

const policySchemaOperation = (base: CatalogueBase): AnyOperation =>
  defineRaw({
    ...ofGateway.own('policyschema', 'GET', '/PolicySchema'),
    access: { kind: 'open' },
    summary: 'Read the JSON Schema of policies',
    schemas: { answer: { type: 'object', additionalProperties: true } },
    raw: ['application/schema+json'],
    keep: () => 300,
    async handle() {
      const body = JSON.stringify(base.policySchema);
      return { type: 'application/schema+json', body, etag: etagOf(base.policySchema) };
    },
  });

/** The management operations of the gateway's catalogue. While only declarations are read, `base` may be empty. */
export const gatewayOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  ofGateway.codes({}),
  policySchemaOperation(base),
  publishOperation(base),
  publishRevisionOperation(base),
  publishVersionOperation(base),
  ...versionOperations(base),
  ...releaseOperations(base),
  ...productOperations(base),
  ...keyOperations(base),
  ...authServerOperations(base),
];
