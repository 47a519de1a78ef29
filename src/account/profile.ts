import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf, seeOther } from '../kernel/forms.js';
import { attempt, type Problem } from '../oidc/index.js';
import { lockUser, readProfile, updateUser } from '../users/index.js';
import { visitOf, type Visits } from './visits.js';

const FIELDS = ['nickName', 'gender', 'birthdate', 'address', 'description'] as const;

type Typed = Record<(typeof FIELDS)[number], string>;

/** The page, with what was typed where that could not be saved. */
export function showProfile(
  ctx: Context,
  visits: Visits,
  problem?: Omit<Problem, 'status' | 'outcome'>,
  typed?: Typed,
): void {
  const { user, runtime } = visitOf(ctx);
  // Pictures of elsewhere are not shown: their servers would learn who looks.
  const own = user.avatar?.startsWith(`${runtime.tenant.issuer}/files/`) ? user.avatar : undefined;
  visits.page(ctx, 'profile', {
    profile: typed ?? Object.fromEntries(FIELDS.map((field) => [field, user[field] ?? ''])),
    avatar: own,
    problem: problem?.words,
    field: problem?.field,
    notice: ctx.query['saved'] === 'yes' ? 'account.saved' : undefined,
  });
}

/** `/account`: what people say of themselves. */
export function profileRoutes(router: Router, visits: Visits): void {
  const typedIn = (ctx: Context): Typed => {
    const form = formOf(ctx);
    return {
      nickName: form.text('nick_name'),
      gender: form.text('gender'),
      birthdate: form.text('birthdate'),
      address: form.text('address'),
      description: form.text('description'),
    };
  };

  router.get('/account', (ctx) => showProfile(ctx, visits));

  router.post('/account/profile', visits.checkCsrf, (ctx) =>
    attempt(
      ctx,
      async () => {
        const profile = readProfile(typedIn(ctx));
        const { user } = visitOf(ctx);
        await visits.change(ctx, 'profile', async (db) =>
          updateUser(db, await lockUser(db, user.id), profile),
        );
        seeOther(ctx, '/account?saved=yes');
      },
      async (problem) => showProfile(ctx, visits, problem, typedIn(ctx)),
    ),
  );
}
