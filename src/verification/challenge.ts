import type { Config } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import { fetchWithin } from '../kernel/outbound.js';

const TIMEOUT_MS = 5000;

/**
 * Asks a service whether whoever wants a code has done a proof of work or solved a captcha, in the words that Turnstile,
 * hCaptcha and reCAPTCHA share: a form of `secret`, `response` and `remoteip`, answered with `{ "success": true }`.
 * Resolves at once where none is configured. A service that does not answer lets nobody through: messages cost money.
 * @throws Invalid
 */
export async function passChallenge(
  { challenge }: Config['codes'],
  token: string | undefined,
  address: string,
): Promise<void> {
  if (!challenge) return;
  if (!token) throw new Invalid('challenge', 'is needed: the token of a solved challenge');
  const answer = await fetchWithin('anywhere', challenge.url, {
    method: 'POST',
    body: new URLSearchParams({ secret: challenge.secret, response: token, remoteip: address }),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
    .then((response) => (response.ok ? (response.json() as Promise<{ success?: unknown }>) : {}))
    .catch(() => ({}));
  if ((answer as { success?: unknown }).success !== true)
    throw new Invalid('challenge', 'was not accepted; solve another');
}
