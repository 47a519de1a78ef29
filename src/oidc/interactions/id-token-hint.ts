import { decodeJwt } from 'jose';
import { errors, interactionPolicy, type KoaContextWithOIDC } from '../library/index.js';

const REASON = 'id_token_hint';
const DESCRIPTION = 'the user of the id_token_hint is not the one who signed in';

/** The answer to the application where another person signed in than its `id_token_hint` names (OIDC Core 3.1.2.2). */
export const OTHER_PERSON = { error: 'login_required', error_description: DESCRIPTION };

/** Whom a request's `id_token_hint` names. The library verified the hint when the request began. */
export function hintedSubject({ id_token_hint: hint }: Record<string, unknown>): string | undefined {
  return typeof hint === 'string' ? decodeJwt(hint).sub : undefined;
}

const isResume = ({ oidc }: KoaContextWithOIDC): boolean => oidc.route.endsWith('resume');

/**
 * Replaces the library's check, which knows the hint only in the request that brought it: neither when the browser comes
 * back from the sign-in page, nor in a device's request.
 */
export function checkHintThroughout(policy: interactionPolicy.DefaultPolicy): void {
  const login = policy.get('login');
  if (!login) throw new Error('the library has no login prompt');
  login.checks.remove(REASON);
  login.checks.add(
    new interactionPolicy.Check(REASON, DESCRIPTION, OTHER_PERSON.error, (ctx) => {
      const { params, session, result } = ctx.oidc;
      const wanted = hintedSubject(params ?? {});
      if (wanted === undefined || wanted === session?.accountId)
        return interactionPolicy.Check.NO_NEED_TO_PROMPT;
      if (isResume(ctx) && result?.login) throw new errors.LoginRequired(DESCRIPTION);
      return interactionPolicy.Check.REQUEST_PROMPT;
    }),
  );
}
