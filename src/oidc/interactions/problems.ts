import type { Context } from 'koa';
import type { Step } from '../../kernel/forms.js';
import { Busy, Conflict, Invalid } from '../../kernel/errors.js';
import { factsOf } from '../../kernel/request.js';
import { rateHeaders, type Area, type Limits } from '../../limits/index.js';
import { WeakPassword, WrongCode, WrongPassword } from '../../users/index.js';
import { NoCodeNow, NoCountryCode } from '../../verification/index.js';

/** What did not work, as a page says it. */
export interface Problem {
  /** The words, in views/locales. */
  words: string;
  status: number;
  /** What the log's line says. */
  outcome: string;
  /** The name of the form's field that it is about. */
  field?: string;
  /** Seconds. */
  retryAfter?: number;
}

/** Fields of the rooms, as forms call them, and what is said of each. */
const FIELDS: Record<string, { field: string; words: string }> = {
  phoneNumber: { field: 'phone', words: 'problem.phone' },
  email: { field: 'email', words: 'problem.email' },
  contact: { field: 'phone', words: 'problem.nothing' },
  challenge: { field: 'challenge', words: 'problem.challenge' },
  birthdate: { field: 'birthdate', words: 'problem.birthdate' },
  nickName: { field: 'nick_name', words: 'problem.text' },
  gender: { field: 'gender', words: 'problem.text' },
  address: { field: 'address', words: 'problem.text' },
  description: { field: 'description', words: 'problem.text' },
};

/** Whether a code was asked for a moment ago, so that one may still come. */
export const mayStillCome = ({ words }: Problem): boolean => words === 'problem.code_spacing';

/** The limits of codes that are told in words of their own. */
const CODE_LIMITS: Partial<Record<NoCodeNow['limit'], string>> = {
  spacing: 'problem.code_spacing',
  address: 'problem.code_limit_network',
};

/** What a person is told of an error of the rooms. @throws what is none of theirs */
export function problemOf(error: unknown): Problem {
  if (error instanceof Busy)
    return { words: 'problem.busy', status: 503, outcome: 'busy', retryAfter: error.retryAfter };
  if (error instanceof NoCodeNow)
    return {
      words: CODE_LIMITS[error.limit] ?? 'problem.code_limit',
      status: 429,
      outcome: `code_limit_${error.limit}`,
      retryAfter: error.retryAfter,
    };
  if (error instanceof WrongCode)
    return {
      words: 'problem.code',
      status: 422,
      outcome: 'wrong_code',
      field: error.channel === 'sms' ? 'phone_code' : 'email_code',
    };
  if (error instanceof NoCountryCode)
    return { words: 'problem.phone_country', status: 422, outcome: 'invalid_phone', field: 'phone' };
  if (error instanceof WrongPassword)
    return { words: 'problem.current', status: 422, outcome: 'wrong_password', field: 'current' };
  if (error instanceof WeakPassword)
    return {
      words: `problem.password_${error.weakness}`,
      status: 422,
      outcome: 'weak_password',
      field: 'password',
    };
  if (error instanceof Conflict && error.key === 'wayIn')
    return { words: 'problem.last_administrator', status: 409, outcome: 'last_administrator' };
  if (error instanceof Conflict)
    return {
      words: error.key === 'email' ? 'problem.email_taken' : 'problem.phone_taken',
      status: 409,
      outcome: `${error.key}_taken`,
    };
  const known = error instanceof Invalid ? FIELDS[error.key] : undefined;
  if (!known) throw error;
  return { ...known, status: 422, outcome: `invalid_${known.field}` };
}

/** Says to programs and to the log what the page says to the person. */
function tell(ctx: Context, { status, outcome, retryAfter }: Problem): void {
  factsOf(ctx.req).outcome = outcome;
  ctx.status = status;
  if (retryAfter !== undefined) ctx.set('Retry-After', String(retryAfter));
}

/** Carries out `work`; where it does not work for a reason that is the person's, `page` says so. */
export async function attempt(
  ctx: Context,
  work: () => Promise<void>,
  page: (problem: Problem) => Promise<void>,
): Promise<void> {
  let problem: Problem;
  try {
    return await work();
  } catch (error) {
    problem = problemOf(error);
  }
  tell(ctx, problem);
  return page(problem);
}

/**
 * Counts requests by address, and by the account of a person who is signed in; one too many gets `page`, and nothing is done.
 */
export const counted =
  (
    limits: Limits,
    tenantIdOf: (ctx: Context) => string,
    area: Area,
    page: (ctx: Context, problem: Problem) => Promise<void>,
    userKeyOf?: (ctx: Context) => string,
  ): Step =>
  (ctx, next) => {
    const tenantId = tenantIdOf(ctx);
    const refusal =
      limits.byAddress(area, tenantId, factsOf(ctx.req).address) ??
      (userKeyOf && limits.byAccount(area, tenantId, userKeyOf(ctx)));
    if (!refusal) return next();
    ctx.set(rateHeaders(refusal));
    const problem: Problem = { words: 'problem.busy', status: 429, outcome: 'too_many_requests' };
    tell(ctx, problem);
    return page(ctx, problem);
  };
