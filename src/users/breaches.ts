import { createHash } from 'node:crypto';
import { fetchWithin } from '../kernel/outbound.js';

const PREFIX = 5;
const TIMEOUT_MS = 2000;

/**
 * Whether a password is known from a leak, by k-anonymity: the service hears the first five digits of its SHA-1 and answers
 * all that begin so (the protocol of Pwned Passwords, with padding). A service that does not answer in two seconds stops
 * nobody.
 * @param url what the five digits are added to.
 */
export async function isBreached(url: string, password: string): Promise<boolean> {
  const digest = createHash('sha1').update(password).digest('hex').toUpperCase();
  try {
    const answer = await fetchWithin('anywhere', url + digest.slice(0, PREFIX), {
      headers: { 'add-padding': 'true' },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) return false;
    const lines = (await answer.text()).split(/\r?\n/);
    return lines.some((line) => {
      const [rest, count] = line.split(':');
      return rest === digest.slice(PREFIX) && Number(count) > 0; // padding has a count of 0
    });
  } catch {
    return false;
  }
}
