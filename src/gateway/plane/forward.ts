import { soon, type Soon } from '../../kernel/soon.js';
import type { Log } from '../../observe/index.js';
import { sendProblem } from './answers.js';
import type { Breaker, Breakers } from './breaker.js';
import { askForBody } from './continue.js';
import { openFaultLog } from './fault-log.js';
import { faultOf } from './faults.js';
import { Forwarding } from './forwarding.js';
import type { Backend, Pools } from './pools.js';
import { requestHeaders } from './request-headers.js';
import type { CorsHeaders } from './response-headers.js';
import { backendTarget } from './rewrite.js';
import type { Call } from './steps.js';
import { canBecomeTunnel, type Tunnels } from './tunnel.js';
import { MOST_REPEATED, readBody, type Upload, uploadOf, UploadStream } from './upload.js';

export interface ForwarderBase {
  pools: Pools;
  breakers: Breakers;
  tunnels: Tunnels;
  trustsProxy(address: string): boolean;
  certificateHeader: string;
  log: Log;
}

/** What is added to a call when it is forwarded. */
export interface ForwardOptions {
  cors: CorsHeaders;
  /** The value of `Gatehouse-Caller`. */
  caller: string | undefined;
}

/** The body of a call. Where it may have to be sent again, a short one is waited for. */
function bodyOf(call: Call, idleMs: number): Soon<Upload> {
  const { request, response, policy } = call;
  if (call.body) return call.body;
  const length = Number(request.headers['content-length'] ?? 0);
  if (!policy.steps.retry || request.complete || length > MOST_REPEATED) return uploadOf(request, idleMs);
  askForBody(request, response);
  return readBody(request, MOST_REPEATED, idleMs).then(({ chunks, whole }) =>
    whole ? Buffer.concat(chunks) : new UploadStream(request, chunks, idleMs),
  );
}

/** The circuit of the revision, or of an operation that has a policy of its own. */
function breakerOf(
  { tenant, revision, policy, policies, operation }: Call,
  breakers: Breakers,
): Breaker | undefined {
  const own = policy.steps.circuitBreaker;
  if (!own) return undefined;
  const name = own === policies.base.steps.circuitBreaker ? '' : operation.key;
  return breakers.get(`${tenant.id} ${revision.id} ${name}`, own);
}

/** Sends calls that have passed all steps to their backends. */
export function openForwarder(base: ForwarderBase): (call: Call, options: ForwardOptions) => Soon<void> {
  const { pools, breakers, tunnels, trustsProxy, certificateHeader } = base;
  const logFault = openFaultLog(base.log);

  function send(
    call: Call,
    { cors, caller }: ForwardOptions,
    backend: Backend,
    path: string,
    body: Upload,
  ): void {
    const { request, policy, store } = call;
    if (request.destroyed && !request.complete) return; // the caller left within its body
    const headers = requestHeaders(call, {
      trustsProxy,
      certificateHeader,
      caller,
      conditions: store?.conditions ?? [],
      contentLength: body instanceof UploadStream ? request.headers['content-length'] : undefined,
    });
    new Forwarding({
      call,
      backend,
      options: {
        path,
        method: call.method,
        headers,
        body,
        headersTimeout: policy.steps.timeout.seconds * 1000,
        bodyTimeout: policy.steps.timeout.idleSeconds * 1000,
        upgrade: canBecomeTunnel(request) ? 'websocket' : null,
      },
      breaker: breakerOf(call, breakers),
      store,
      cors,
      tunnels,
      logFault,
    }).begin();
  }

  return (call, options) => {
    const backend = pools.backendOf(call.tenant, call.revision);
    try {
      backend.pool(); // what is out of reach is refused before its body is waited for
    } catch (error) {
      const fault = faultOf(error as Error);
      logFault(call, fault.code, true);
      sendProblem(call, fault.problem, options.cors);
      return;
    }
    const path = backendTarget(call, backend.base);
    return soon(bodyOf(call, call.policy.steps.timeout.idleSeconds * 1000), (body) =>
      send(call, options, backend, path, body),
    );
  };
}
