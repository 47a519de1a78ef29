import { soon, type Soon } from '../../kernel/soon.js';
import type { Problem } from './problem.js';
import type { CorsHeaders } from './response-headers.js';
import type { HandedOver, Sequence } from './sequence.js';
import type { AccessSteps, Answer, Call, LocatedCall, PolicyRunner } from './steps.js';

/** What is to be done with a call, as its steps say, with the headers that `cors` adds to its answer. */
export type Decided =
  | { problem: Problem; cors: CorsHeaders }
  | { answer: Answer; cors: CorsHeaders }
  /** Send it to its backend. `caller` is the value of `Gatehouse-Caller`. */
  | { call: Call; caller: string | undefined; cors: CorsHeaders };

/** Decides calls, those that come here and those that a proxy in front asks about. */
export interface Decide {
  (call: LocatedCall): Soon<Decided>;
  /** @param carries see Sequence.run */
  (call: LocatedCall, carries: (call: Call) => boolean): Soon<Decided | HandedOver>;
}

export interface DeciderBase {
  sequence: Sequence;
  access: Pick<AccessSteps, 'callerHeader'>;
  policies: Pick<PolicyRunner, 'corsHeaders'>;
}

export function openDecider({ sequence, access, policies }: DeciderBase): Decide {
  const always = (): boolean => true;
  function decide(call: LocatedCall, carries: (call: Call) => boolean = always): Soon<Decided | HandedOver> {
    return soon(sequence.run(call, carries), (outcome): Soon<Decided | HandedOver> => {
      if (outcome && 'isHandedOver' in outcome) return outcome;
      const cors = policies.corsHeaders(call);
      if (call.caller) call.facts.clientId = call.caller.clientId;
      if (outcome) return { ...outcome, cors };
      const ready = call as Call; // the sequence has answered calls without an operation
      return soon(access.callerHeader(ready), (caller) => ({ call: ready, caller, cors }));
    });
  }
  return decide as Decide;
}
