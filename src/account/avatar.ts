import type Router from '@koa/router';
import type { Context } from 'koa';
import { blobPath, releaseBlob, settleBlob, type Blob } from '../blobs/index.js';
import { Failure } from '../api/index.js';
import { seeOther } from '../kernel/forms.js';
import { factsOf } from '../kernel/request.js';
import { lockUser, updateUser } from '../users/index.js';
import type { Problem } from '../oidc/index.js';
import type { AccountBase } from './routes.js';
import { showProfile } from './profile.js';
import { visitOf, type Visits } from './visits.js';

const FOLDER = 'avatars';

/** `/account/avatar`: a picture of one's own. The one before goes with the next sweep of files. */
export function avatarRoutes(router: Router, { blobs, uploads }: AccountBase, visits: Visits): void {
  /** Another picture, or none, in place of the one that there is. */
  async function replace(ctx: Context, blob: Blob | undefined): Promise<void> {
    const { runtime, user } = visitOf(ctx);
    await visits.change(ctx, 'avatar', async (db) => {
      const before = await lockUser(db, user.id);
      if (blob) await settleBlob(db, blob);
      await updateUser(db, before, { avatar: blob ? runtime.tenant.issuer + blobPath(blob) : null });
      if (before.avatar !== null) await releaseBlob(db, user.userKey, before.avatar);
    });
    seeOther(ctx, '/account?saved=yes');
  }

  async function set(ctx: Context): Promise<void> {
    const { runtime, user } = visitOf(ctx);
    const upload = await uploads.ofForm(ctx, ['image']);
    if (!visits.isOwnForm(ctx, upload.fields['csrf'] ?? '')) return uploads.discard(upload);
    // Whoever sees the picture is not to learn where it was taken.
    const { file, kind } = await uploads.plain(upload);
    const blob = await blobs.keep(file, {
      tenantId: runtime.tenant.id,
      folder: FOLDER,
      kind,
      owner: user.userKey,
    });
    return replace(ctx, blob);
  }

  const tooMany = async (ctx: Context, problem: Problem): Promise<void> => {
    ctx.res.shouldKeepAlive = false; // the picture is not read
    showProfile(ctx, visits, { words: problem.words, field: 'avatar' });
  };

  // Reading a picture takes time, so it is counted before it is read.
  router.post('/account/avatar', visits.counted('open', tooMany), async (ctx) => {
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

  router.post('/account/avatar/remove', visits.checkCsrf, (ctx) => replace(ctx, undefined));
}
