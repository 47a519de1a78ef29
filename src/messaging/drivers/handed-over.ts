import { OutcomeUnknown } from '../../jobs/index.js';
import { NoAnswer, post } from '../../kernel/outbound.js';

/** A POST that carries a message. @throws OutcomeUnknown, Error where it was refused or not sent */
export async function handOver(...request: Parameters<typeof post>): ReturnType<typeof post> {
  const answer = await post(...request).catch((error: unknown) => {
    throw error instanceof NoAnswer ? new OutcomeUnknown(error.message) : error;
  });
  if (answer.status < 200 || answer.status > 299) throw new Error(`answered ${answer.status}`);
  return answer;
}
