export { openLog, type Log } from './log.js';
export { auditIn, deedsOf, forgetAddresses, openAudit, type Audit, type AuditEvent } from './audit.js';
export { answerHealth, storeProbe, type Readiness } from './health.js';
export { logRequest, requestIdOf } from './requests.js';
export { metricsServer, openMetrics, type Metrics, type Sample } from './metrics.js';
