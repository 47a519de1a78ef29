/**
 * Configurations by which other products carry the gateway's calls.
 *
 * `exportNginx` makes nginx ask Gatehouse about each call (`answerAuthorize` answers it, authorize.ts has the contract).
 * `exportKong`, `exportApisix` and `exportAzure` write those products' own documents, for APIs that move there. All are made of
 * an `ExportSource`, which `readApis` reads.
 * An export must never open what Gatehouse refuses, nor let a tenant's data be read as configuration: what cannot be said safely
 * is left out, and named in the file.
 */
export { addressBook } from './addresses.js';
export { answerAuthorize, AUTHORIZE_PATH } from './authorize.js';
export { exportApisix } from './apisix.js';
export { exportAzure } from './azure-apim.js';
export { readApis } from './catalogue.js';
export { exportKong } from './kong.js';
export { exportNginx } from './nginx.js';
export type { ExportSource } from './source.js';
