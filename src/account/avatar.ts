import type Router from '@koa/router';
import type { Context } from 'koa';
import { blobPath, releaseBlob, settleBlob } from '../blobs/index.js';
import { Failure } from '../api/index.js';
import { factsOf } from '../kernel/request.js';
import { lockUser, updateUser } from '../users/index.js';
import type { AccountBase } from './routes.js';
import { showProfile } from './profile.js';
import { visitOf, type Visits } from './visits.js';

const FOLDER = 'avatars';

/** `/account/avatar`: a picture of one's own. The one before goes with the next sweep of files. */
export function avatarRoutes(router: Router, { blobs, uploads }: AccountBase, visits: Visits): void {
  const back = (ctx: Context): void => {
    ctx.redirect('/account?saved=yes');
    ctx.status = 303;
  };

  async function set(ctx: Context): Promise<void> {
    const { runtime, user } = visitOf(ctx);
    const upload = await uploads.ofForm(ctx, ['image']);
    if (!visits.isOwnForm(ctx, upload.fields['csrf'] ?? '')) return uploads.discard(upload);
    const owner = user.userKey;
    const blob = await blobs.keep(upload.file, {
      tenantId: runtime.tenant.id,
      folder: FOLDER,
      kind: upload.kind,
      owner,
    });
    await visits.change(ctx, 'avatar', async (db) => {
      const before = await lockUser(db, user.id);
      await settleBlob(db, blob);
      await updateUser(db, before, { avatar: runtime.tenant.issuer + blobPath(blob) });
      if (before.avatar !== null) await releaseBlob(db, owner, before.avatar);
    });
    return back(ctx);
  }

  router.post('/account/avatar', async (ctx) => {
    try {
      await set(ctx);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      factsOf(ctx.req).outcome = error.code.name;
      ctx.status = error.status;
      ctx.set(error.headers);
      showProfile(ctx, visits, {
        words: error.status === 413 ? 'account.avatar_large' : 'account.avatar_kind',
        field: 'avatar',
      });
    }
  });

  router.post('/account/avatar/remove', visits.checkCsrf, async (ctx) => {
    const { user } = visitOf(ctx);
    await visits.change(ctx, 'avatar', async (db) => {
      const before = await lockUser(db, user.id);
      await updateUser(db, before, { avatar: null });
      if (before.avatar !== null) await releaseBlob(db, user.userKey, before.avatar);
    });
    back(ctx);
  });
}
