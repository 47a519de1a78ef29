import type Router from '@koa/router';
import type { Context } from 'koa';
import { formOf } from '../kernel/forms.js';
import { attempt, type OidcBase, type Problem } from '../oidc/index.js';
import { lockUser, readProfile, updateUser } from '../users/index.js';
import { visitOf, type Visits } from './visits.js';

const FIELDS = ['nickName', 'gender', 'birthdate', 'address', 'description'] as const;

/** `/account`: what people say of themselves. */
export function profileRoutes(router: Router, _base: OidcBase, visits: Visits): void {
  const typedIn = (ctx: Context): Record<(typeof FIELDS)[number], string> => {
    const form = formOf(ctx);
    return {
      nickName: form.text('nick_name'),
      gender: form.text('gender'),
      birthdate: form.text('birthdate'),
      address: form.text('address'),
      description: form.text('description'),
    };
  };

  router.get('/account', (ctx) => {
    const { user } = visitOf(ctx);
    const profile = Object.fromEntries(FIELDS.map((field) => [field, user[field] ?? '']));
    visits.page(ctx, 'profile', {
      profile,
      notice: ctx.query['saved'] === 'yes' ? 'account.saved' : undefined,
    });
  });

  router.post('/account/profile', visits.checkCsrf, (ctx) =>
    attempt(
      ctx,
      async () => {
        const profile = readProfile(typedIn(ctx));
        const { user } = visitOf(ctx);
        await visits.change(ctx, 'profile', async (db) =>
          updateUser(db, await lockUser(db, user.id), profile),
        );
        ctx.redirect('/account?saved=yes');
        ctx.status = 303;
      },
      async ({ words, field }: Problem) =>
        visits.page(ctx, 'profile', { profile: typedIn(ctx), problem: words, field }),
    ),
  );
}
