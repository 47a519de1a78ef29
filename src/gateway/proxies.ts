import { plain } from '../kernel/forwarded.js';
import type { Log } from '../observe/index.js';
import { answerAuthorize, AUTHORIZE_PATH } from './export/index.js';
import type { Plane } from './plane/index.js';

/**
 * The data plane's listener, which also answers a proxy of `trustProxy` that asks about a call (export/authorize.ts). To all
 * others there is nothing at that path; the log has it once, for an operator who has not named the proxy.
 */
export function answeringProxies(
  plane: Plane,
  trustsProxy: (address: string) => boolean,
  log: Pick<Log, 'warn'>,
): Plane['handle'] {
  let warned = false;
  const isTrusted = (address: string): boolean => {
    if (trustsProxy(address)) return true;
    if (!warned)
      log.warn(
        { address },
        'a proxy that is not trusted asks about calls, and gets 404: name it in GATEHOUSE_TRUST_PROXY',
      );
    warned = true;
    return false;
  };
  return (request, response, tenant, facts) => {
    if (request.url !== AUTHORIZE_PATH || !isTrusted(plain(request.socket.remoteAddress ?? '')))
      return plane.handle(request, response, tenant, facts);
    return answerAuthorize(request, response, async (asked) => {
      const { method = '', url = '' } = asked.request;
      facts.asked = { method, url };
      return plane.authorize({ ...asked, response, tenant, facts });
    }).then((kind) => {
      // The call comes itself, and has a line of its own in the log.
      if (kind === 'handOver') facts.routine = true;
    });
  };
}
