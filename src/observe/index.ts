export { openLog, type Log } from './log.js';
export { openAudit, type Audit, type AuditEvent } from './audit.js';
export { requestLog } from './requests.js';
export { health, type Readiness } from './health.js';
