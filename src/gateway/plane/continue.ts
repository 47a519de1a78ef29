import type { IncomingMessage, ServerResponse } from 'node:http';

const sent = new WeakSet<IncomingMessage>();

const expects = ({ headers, httpVersion }: IncomingMessage): boolean =>
  httpVersion === '1.1' && headers.expect?.toLowerCase() === '100-continue';

/**
 * Asks a caller that waits for it to send its body (100 Continue), once. It is sent when somebody is about to read the body: the
 * backend's connection stands, or a step validates it. All checks that need no body have then been passed (RFC 9110, 10.1.1).
 */
export function askForBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect === undefined || sent.has(request)) return;
  if (!expects(request) || response.headersSent || response.destroyed || request.complete) return;
  sent.add(request);
  response.writeContinue();
}
