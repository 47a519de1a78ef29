import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody, type RequestFacts } from '../../kernel/request.js';
import { soon, type Soon } from '../../kernel/soon.js';
import { whenRead } from '../../kernel/turn-phases.js';
import { whenClosed } from '../../kernel/when-closed.js';
import type { Log } from '../../observe/index.js';
import type { Tenant } from '../../tenants/index.js';
import { sendAnswer, sendProblem } from './answers.js';
import { openAuthorizer, type Authorizer } from './authorizer.js';
import { openBreakers } from './breaker.js';
import { openDecider } from './decide.js';
import type { Dispatcher } from './dispatcher.js';
import { openForwarder } from './forward.js';
import { openLocator, type IncomingCall, type LocatorBase } from './locate.js';
import { openPools } from './pools.js';
import { openSequence } from './sequence.js';
import type { AccessSteps, LocatedCall, UsageEntry } from './steps.js';
import { openTunnels } from './tunnel.js';
import { usageOf } from './usage-entry.js';

export interface PlaneBase extends LocatorBase {
  access: AccessSteps;
  /** A pool of connections to an origin, within the tenant's reach. @throws Error where the address as written is out of reach */
  openPool(tenant: Tenant, origin: URL): Dispatcher;
  /** Called once for each call whose API was found: at its end, or when it is given to a proxy in front. */
  usage(entry: UsageEntry): void;
  /** Whether an address is one of the proxies in front, whose `Forwarded` is kept. */
  trustsProxy(address: string): boolean;
  /** The header in which proxies pass a client's certificate to this server. */
  certificateHeader: string;
  log: Log;
  /** The time of circuit breakers, in milliseconds; the steady clock where it is left out. */
  now?: () => number;
}

export interface Plane {
  /**
   * Answers a request whose target begins with `/gateway/`. What it returns is settled when the answer is on its way, not when it
   * is out. It rejects where a step fails in a way that has no problem document, as when the store is down.
   */
  handle(request: IncomingMessage, response: ServerResponse, tenant: Tenant, facts: RequestFacts): Soon<void>;
  /** Decides a call that a proxy in front asks about, by the same steps. It rejects as `handle` does. */
  authorize: Authorizer;
  /** Closes open WebSockets. Other calls go on. */
  endTunnels(): void;
  /** Waits for calls that are under way, and closes all connections to backends. */
  close(): Promise<void>;
}

/** Counts a call when its answer is out or its connection has closed. */
function count(call: LocatedCall, usage: PlaneBase['usage']): void {
  const started = performance.now();
  whenClosed(call.response, () => {
    const { response } = call;
    const status = response.headersSent || response.statusCode === 101 ? response.statusCode : 499;
    usage(usageOf(call, { status, milliseconds: performance.now() - started }));
  });
}

export function openPlane(base: PlaneBase): Plane {
  const { routes, access, policies } = base;
  const pools = openPools(base.openPool);
  const tunnels = openTunnels();
  const locate = openLocator(base);
  const decide = openDecider({
    access,
    policies,
    sequence: openSequence({ access, policies, checkPath: routes.checkPath }),
  });
  const outgoing = {
    trustsProxy: base.trustsProxy,
    certificateHeader: base.certificateHeader.toLowerCase(),
  };
  const forward = openForwarder({
    pools,
    tunnels,
    breakers: openBreakers(base.now),
    ...outgoing,
    log: base.log,
  });

  function run(call: LocatedCall): Soon<void> {
    count(call, base.usage);
    return soon(decide(call), (decided) => {
      if ('problem' in decided) return sendProblem(call, decided.problem, decided.cors);
      if ('answer' in decided) return sendAnswer(call, decided.answer, decided.cors);
      return forward(decided.call, decided);
    });
  }

  const begin = (incoming: IncomingCall): Soon<void> =>
    soon(locate(incoming), (found) =>
      'problem' in found ? sendProblem(incoming, found.problem) : run(found),
    );

  return {
    handle(request, response, tenant, facts) {
      const incoming = { request, response, tenant, facts };
      if (!hasBody(request)) return begin(incoming);
      // What came with the head is read first: a bad chunk in it is refused before anything is sent on, and a short body is whole.
      return new Promise<void>(whenRead).then(() =>
        request.destroyed && !request.complete ? undefined : begin(incoming),
      );
    },
    authorize: openAuthorizer({ locate, decide, pools, outgoing, usage: base.usage }),
    endTunnels: () => tunnels.end(),
    close: () => {
      tunnels.end();
      return pools.close();
    },
  };
}
