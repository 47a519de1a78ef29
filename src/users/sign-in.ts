import { confines, permissionsIn, roleFinder, type Role } from '../roles/index.js';
import { tenantDb, tenantTransaction, type Store, type Vault } from '../store/index.js';
import type { Codes, Purpose } from '../verification/index.js';
import type { Lockout, Standing } from './lockout.js';
import { isPlainText } from './names.js';
import { LONGEST, type Passwords } from './passwords.js';
import type { User } from './schema.js';
import type { ProvenTarget } from './register.js';
import { calledUserFinder, type CalledUser } from './carried-names.js';
import { atTarget, type StoredUser, type UserFinder } from './store.js';
import { usualHashes } from './usual-hashes.js';

const LONGEST_LOGIN = 300;
const SIGNING_IN: readonly Purpose[] = ['login'];

export type SignInRefusal = 'unknown' | 'wrong_password' | 'wrong_code' | 'locked' | 'disabled';

/** `account` is the user's key where there is one; callers tell the person nothing but that it failed. */
export type SignIn = { user: User } | { refused: SignInRefusal; account?: string };

/** What a user is and may do, as tokens carry it: names of roles, and permissions of the roles and of the user's own. */
export interface Authority {
  role: string[];
  permission: string[];
}

export interface People {
  /**
   * Checks a user name, e-mail address or phone number with a password. Does the same work, in the same order, whether
   * the account exists, is locked or is disabled. @throws Busy when too many wait.
   */
  signIn(tenantId: string, login: string, password: string, address: string): Promise<SignIn>;
  /**
   * Checks a code that was sent to a phone number or an e-mail address to sign in; it is good once. Whether there is an
   * account at the target is not told from a wrong code.
   */
  signInByCode(tenantId: string, shown: ProvenTarget, address: string): Promise<SignIn>;
  /** Notes that a user has signed in, from where. */
  signedIn(tenantId: string, user: User, address: string): Promise<void>;
  /** The user that a token's `sub` names, while it may sign in. */
  active(tenantId: string, userKey: string): Promise<User | undefined>;
  /** The user that a token's `sub` names, while it may sign in, by what the token may be called. */
  called(tenantId: string, userKey: string): Promise<CalledUser | undefined>;
  authority(tenantId: string, user: User): Promise<Authority>;
  /** What a user may do at the management API, and whether only with things of the user's own. */
  standing(tenantId: string, user: User): Promise<{ permissions: string[]; confined: boolean }>;
  /** What what belongs to this user can do at the management API at the most. Nothing, where the user may not sign in. */
  permissionsOfOwner(tenantId: string, userKey: string): Promise<ReadonlySet<string>>;
}

const permissionsOf = (roles: readonly Role[], user: User): string[] =>
  [...new Set(permissionsIn([...roles.flatMap(({ claims }) => claims), ...user.claims]))].sort();

export function openPeople(
  store: Store,
  vault: Vault,
  finder: UserFinder,
  passwords: Passwords,
  lockout: Lockout,
  codes: Codes,
): People {
  const rolesOf = roleFinder(store);
  const usualHash = usualHashes(store, vault);
  const noteSignIn = store.prepare('UPDATE users SET last_login_at = ? WHERE tenant_id = ? AND id = ?');
  const upgrade = store.prepare(
    'UPDATE users SET password_hash = ? WHERE tenant_id = ? AND id = ? AND password_hash = ?',
  );

  const note = (tenantId: string, user: User, { successSteps }: Standing): Promise<boolean> =>
    store.unit([...successSteps, { statement: noteSignIn, values: [Date.now(), tenantId, user.id] }]);

  const signedIn = async (tenantId: string, user: User, address: string): Promise<void> =>
    void (await note(tenantId, user, await lockout.look(tenantId, user.id, address)));

  async function upgradeHash(tenantId: string, user: StoredUser, password: string): Promise<void> {
    if (user.passwordHash !== null && passwords.outdated(user.passwordHash))
      await upgrade.run(await passwords.rehash(password), tenantId, user.id, user.passwordHash);
  }

  return {
    async signIn(tenantId, login, password, address) {
      const usable = isPlainText(login, LONGEST_LOGIN) && isPlainText(password, 4 * LONGEST);
      const user = usable ? await finder.byLogin(tenantId, login.trim()) : undefined;
      const account = user?.id ?? vault.hash('unknown-login', login.slice(0, LONGEST_LOGIN));
      const usual = await usualHash(tenantId, login.slice(0, LONGEST_LOGIN));
      const matches = await passwords.verify(user?.passwordHash ?? null, usable ? password : '', {
        usual,
        account: user?.id,
      });
      // Looked at after the hash, so that guesses sent all at once are counted before the next is believed.
      const standing = await lockout.look(tenantId, account, address);
      const locked = standing.locked || (user?.lockedUntil ?? 0) > Date.now();
      if (!matches && !locked) await lockout.failed(tenantId, account, address);
      const refused: SignInRefusal | undefined = locked
        ? 'locked'
        : !user
          ? 'unknown'
          : !matches
            ? 'wrong_password'
            : !user.enabled
              ? 'disabled'
              : undefined;
      if (refused || !user) return { refused: refused ?? 'unknown', ...(user && { account: user.userKey }) };
      await note(tenantId, user, standing);
      await upgradeHash(tenantId, user, password);
      return { user };
    },

    signedIn,

    async signInByCode(tenantId, { target, code }, address) {
      const shown = { target, code, purposes: SIGNING_IN };
      const right = (await codes.check(tenantId, shown)) === 'right';
      const user = await atTarget(tenantDb(store.knex, tenantId), target);
      const account = user && { account: user.userKey };
      if (!user || !right) return { refused: user ? 'wrong_code' : 'unknown', ...account };
      if (!user.enabled) return { refused: 'disabled', ...account };
      if ((user.lockedUntil ?? 0) > Date.now()) return { refused: 'locked', ...account };
      // Of two who show it at once, one gets in.
      const used = await tenantTransaction(store, tenantId, (db) => codes.use(db, shown));
      if (!used) return { refused: 'wrong_code', ...account };
      await signedIn(tenantId, user, address);
      return { user };
    },

    async active(tenantId, userKey) {
      const user = await finder.byKey(tenantId, userKey);
      return user?.enabled ? user : undefined;
    },

    called: calledUserFinder(store),

    async authority(tenantId, user) {
      const roles = await rolesOf(tenantId, user.id);
      return { role: roles.map(({ name }) => name), permission: permissionsOf(roles, user) };
    },

    async standing(tenantId, user) {
      const roles = await rolesOf(tenantId, user.id);
      return { permissions: permissionsOf(roles, user), confined: confines(roles) };
    },

    async permissionsOfOwner(tenantId, userKey) {
      const owner = await finder.byKey(tenantId, userKey);
      return new Set(owner?.enabled ? permissionsOf(await rolesOf(tenantId, owner.id), owner) : []);
    },
  };
}
