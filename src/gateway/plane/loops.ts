import type { IncomingMessage } from 'node:http';
import type { Problem } from './problem.js';
import { rawValues } from './request-headers.js';

/** As each gateway writes itself into `Via`. */
const PASSED = /(?:^|,)[\t ]*1\.[01] gatehouse[\t ]*(?=,|$)/g;

/** So many gateways may stand behind each other. Each of them can multiply a call by its `retry`. */
const MOST_PASSES = 3;

const LOOP: Problem = {
  word: 'backend',
  detail:
    'The call has come through gateways several times: the backend leads back to the gateway. Tell the API’s publisher.',
};

/** A problem where a call goes round in a circle, because an API's backend is the gateway itself (RFC 9110, 7.6.3). */
export function leadsBack({ rawHeaders }: IncomingMessage): Problem | undefined {
  const passes = rawValues(rawHeaders, 'via').join(',').match(PASSED)?.length ?? 0;
  return passes < MOST_PASSES ? undefined : LOOP;
}
