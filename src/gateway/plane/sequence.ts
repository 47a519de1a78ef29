import { soon, type Soon } from '../../kernel/soon.js';
import type { StepResult } from '../types.js';
import { leadsBack } from './loops.js';
import type { Problem } from './problem.js';
import { pathBehind } from './rewrite.js';
import type { AccessSteps, Answer, Call, LocatedCall, PolicyRunner } from './steps.js';

/** How a call ends at a step; undefined where it goes on. */
export type Outcome = { problem: Problem } | { answer: Answer } | undefined;

interface Step<C> {
  name: string;
  run(call: C): Soon<Outcome>;
}

/** The call is for somebody else to decide, from its beginning. Nothing of it was counted. */
export interface HandedOver {
  isHandedOver: true;
}

const HANDED_OVER: HandedOver = { isHandedOver: true };

/** The checks of a call, in the order of the contract. */
export interface Sequence {
  /**
   * @param carries asked as soon as the operation is known, before a step reads a token or counts something. Where it answers
   * false, no further step runs.
   */
  run(call: LocatedCall, carries: (call: Call) => boolean): Soon<Outcome | HandedOver>;
}

export interface SequenceBase {
  access: AccessSteps;
  policies: PolicyRunner;
  checkPath(path: string): 'ok' | 'bad';
}

const asProblem = (problem: StepResult): Outcome => problem && { problem };
const asAnswer = (answer: Answer | undefined): Outcome => answer && { answer };

const BAD_PATH: Outcome = {
  problem: {
    word: 'bad-path',
    detail:
      'The path has a segment "." or "..", a percent-encoding that is not UTF-8, %00, a "#", or is longer than 8 KiB. Encode it once, without these.',
  },
};
const NO_OPERATION: Outcome = {
  problem: {
    word: 'not-found',
    detail: 'The API has no operation at this path. Check it with the API’s document.',
  },
};

/** No document allows it: a backend would send back what the gateway has added to the request (RFC 9110, 9.3.8). */
const NEVER = 'TRACE';

const methodsOf = ({ router, path }: LocatedCall): string[] => {
  const found = router.match('', path);
  return found && 'allow' in found ? found.allow.filter((method) => method !== NEVER) : [];
};

function checkOperation(call: LocatedCall): Outcome {
  if (call.operation) return undefined;
  const allow = methodsOf(call);
  if (allow.length === 0) return NO_OPERATION;
  if (call.method === 'OPTIONS') return undefined; // a later step answers it
  const detail = `The path has no operation ${call.method}. Use one of: ${allow.join(', ')}.`;
  return { problem: { word: 'method', detail, headers: { Allow: allow.join(', ') } } };
}

/** OPTIONS that neither `cors` nor the document answers. */
const answerOptions = (call: LocatedCall): Outcome =>
  call.operation ? undefined : { answer: { status: 204, headers: ['Allow', methodsOf(call).join(', ')] } };

/** A value of a path template that is harmless as it came can become `..` by `rewrite`, as that of `/{name}.json` does. */
const isGoodPath = (call: LocatedCall, checkPath: SequenceBase['checkPath']): boolean => {
  const [path, behind] = [call.path, pathBehind(call)];
  return !path.includes('#') && checkPath(path) === 'ok' && (behind === path || checkPath(behind) === 'ok');
};

const hasOperation = (call: LocatedCall): call is Call => call.operation !== undefined;

function runAll<C>(steps: readonly Step<C>[], call: C, from = 0): Soon<Outcome> {
  for (let at = from; at < steps.length; at += 1) {
    const outcome = (steps[at] as Step<C>).run(call);
    if (outcome instanceof Promise) return outcome.then((found) => found ?? runAll(steps, call, at + 1));
    if (outcome) return outcome;
  }
  return undefined;
}

export function openSequence({ access, policies, checkPath }: SequenceBase): Sequence {
  const beforeOperation: Step<LocatedCall>[] = [
    { name: 'address', run: (call) => soon(policies.address(call), asProblem) },
    {
      name: 'path',
      run: (call) => (isGoodPath(call, checkPath) ? undefined : BAD_PATH),
    },
    { name: 'operation', run: checkOperation },
    {
      name: 'preflight',
      run: (call) => (call.method === 'OPTIONS' ? soon(policies.preflight(call), asAnswer) : undefined),
    },
    { name: 'options', run: answerOptions },
  ];
  const ofOperation: Step<Call>[] = [
    { name: 'token', run: (call) => soon(access.token(call), asProblem) },
    { name: 'scopes', run: (call) => soon(access.scopes(call), asProblem) },
    { name: 'permissions', run: (call) => soon(access.permissions(call), asProblem) },
    { name: 'product-key', run: (call) => soon(access.productKey(call), asProblem) },
    { name: 'limits', run: (call) => soon(access.limits(call), asProblem) },
    { name: 'validate-request', run: (call) => soon(policies.validate(call), asProblem) },
    { name: 'mock', run: (call) => soon(policies.mock(call), asAnswer) },
    {
      name: 'cache',
      run: (call) =>
        soon(policies.cache(call), (turn): Outcome => {
          if (turn && 'answer' in turn) return turn;
          call.store = turn?.store;
          return undefined;
        }),
    },
    { name: 'loop', run: ({ request }) => asProblem(leadsBack(request)) },
  ];
  return {
    run: (call, carries) =>
      soon(runAll(beforeOperation, call), (outcome): Soon<Outcome | HandedOver> => {
        if (outcome) return outcome;
        if (!hasOperation(call)) return NO_OPERATION;
        return carries(call) ? runAll(ofOperation, call) : HANDED_OVER;
      }),
  };
}
