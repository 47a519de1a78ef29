import { Busy, Conflict, Invalid } from '../../kernel/errors.js';
import { WeakPassword, WrongCode } from '../../users/index.js';
import { NoCodeNow } from '../../verification/index.js';

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

const FIELDS: Record<string, string> = {
  phoneNumber: 'phone',
  email: 'email',
  challenge: 'challenge',
  birthdate: 'birthdate',
  nickName: 'nick_name',
};

/** What a person is told of an error of the rooms. @throws what is none of theirs */
export function problemOf(error: unknown): Problem {
  if (error instanceof Busy)
    return { words: 'problem.busy', status: 503, outcome: 'busy', retryAfter: error.retryAfter };
  if (error instanceof NoCodeNow)
    return {
      words: error.limit === 'spacing' ? 'problem.code_spacing' : 'problem.code_limit',
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
  if (error instanceof WeakPassword)
    return {
      words: `problem.password_${error.weakness}`,
      status: 422,
      outcome: 'weak_password',
      field: 'password',
    };
  if (error instanceof Conflict)
    return {
      words: error.key === 'email' ? 'problem.email_taken' : 'problem.phone_taken',
      status: 409,
      outcome: `${error.key}_taken`,
    };
  if (!(error instanceof Invalid) || !(error.key in FIELDS)) throw error;
  const field = FIELDS[error.key] as string;
  return { words: `problem.${field}`, status: 422, outcome: `invalid_${field}`, field };
}
