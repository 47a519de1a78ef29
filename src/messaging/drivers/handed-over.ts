import { OutcomeUnknown, Refused } from '../../jobs/index.js';
import { NoAnswer, post } from '../../kernel/outbound.js';

/** What is wrong with the one message; too many and too late are what all of them hear. */
const REFUSALS = /^4(?!08|29)\d\d$/;

/** A POST that carries a message. @throws OutcomeUnknown, Refused, Error where it was not taken or not sent */
export async function handOver(...request: Parameters<typeof post>): ReturnType<typeof post> {
  const answer = await post(...request).catch((error: unknown) => {
    throw error instanceof NoAnswer ? new OutcomeUnknown(error.message) : error;
  });
  const { status } = answer;
  if (REFUSALS.test(String(status))) throw new Refused(`answered ${status}`);
  if (status < 200 || status > 299) throw new Error(`answered ${status}`);
  return answer;
}
