import { Conflict, Invalid, ProductError } from '../kernel/errors.js';
import { builtInRoles } from '../roles/index.js';
import type { Store, TenantDb, Vault } from '../store/index.js';
import type { Channel, Codes, Purpose, Shown, Target, Verdict } from '../verification/index.js';
import { randomUserName } from './names.js';
import type { Passwords } from './passwords.js';
import type { NewUser, User } from './schema.js';
import { atTarget, insertUser, TAKEN } from './store.js';

/** What registration and recovery are made of. */
export interface PeopleBase {
  store: Store;
  vault: Vault;
  passwords: Passwords;
  codes: Codes;
}

/** The tenant that a password is for. */
export interface NamedTenant {
  id: string;
  name: string;
}

/** A code that is wrong, has expired, was used, or was tried too often. */
export class WrongCode extends ProductError {
  constructor(readonly channel: Channel) {
    super(
      channel === 'sms' ? 'phoneNumberVerifyCode' : 'emailVerifyCode',
      'is not the code that was sent there',
    );
  }
}

const REGISTERING: readonly Purpose[] = ['register', 'register_or_reset'];

/** A number or an address, with the code that went there. */
export interface ProvenTarget {
  target: Target;
  code: string;
}

/** Whoever wants an account, with the codes that prove whose number and address it is: one of them at the least. */
export interface Newcomer {
  phone?: ProvenTarget | undefined;
  email?: ProvenTarget | undefined;
  password: string;
  profile: Pick<
    NewUser,
    | 'nickName'
    | 'gender'
    | 'address'
    | 'birthdate'
    | 'stature'
    | 'weight'
    | 'description'
    | 'avatar'
    | 'files'
    | 'refereeId'
  >;
}

interface Proof {
  shown: Shown;
  verdict: Verdict;
}

/** A newcomer whose codes are right, ready to be taken in. */
export interface Admitted {
  newcomer: Newcomer;
  proofs: Proof[];
  passwordHash: string | null;
}

/**
 * Checks the codes, and counts wrong ones; then hashes the password, which is slow and needs no transaction. A code that was
 * right is not used up by this. @throws WrongCode, Invalid, Busy
 */
export async function admitNewcomer(
  { codes, passwords }: PeopleBase,
  tenant: NamedTenant,
  newcomer: Newcomer,
): Promise<Admitted> {
  const { phone, email, password } = newcomer;
  const shownTargets = [phone, email].filter((each) => each !== undefined);
  if (shownTargets.length === 0) throw new Invalid('phoneNumber', 'or an e-mail address is needed');
  const proofs: Proof[] = [];
  for (const { target, code } of shownTargets) {
    const shown = { target, code, purposes: REGISTERING };
    const verdict = await codes.check(tenant.id, shown);
    if (verdict === 'wrong') throw new WrongCode(target.channel);
    proofs.push({ shown, verdict });
  }
  const known = [tenant.name, phone?.target.address, email?.target.address, newcomer.profile.nickName];
  const used = proofs.some(({ verdict }) => verdict === 'used');
  return { newcomer, proofs, passwordHash: used ? null : await passwords.hash(password, known) };
}

/**
 * Takes a newcomer in; the codes are used up with it, or not at all. Of two at once for one number, one comes in and the
 * other hears that it is taken. @throws Conflict, WrongCode, Invalid
 */
export async function addNewcomer(
  db: TenantDb,
  { codes }: PeopleBase,
  { newcomer, proofs, passwordHash }: Admitted,
): Promise<User> {
  const { phone, email, profile } = newcomer;
  for (const { shown, verdict } of proofs) {
    const free = !(await atTarget(db, shown.target));
    const fresh = verdict === 'right' && (await codes.use(db, shown));
    if (free && fresh) continue;
    // Whoever has shown the code is at the target, and may hear whose it is. Another may have come in just now.
    if (!free || (await atTarget(db, shown.target))) throw taken(shown.target.channel);
    throw new WrongCode(shown.target.channel);
  }
  const roles = (await builtInRoles(db, ['user'])).map(({ id }) => id);
  return insertUser(
    db,
    {
      ...profile,
      userName: randomUserName(),
      ...(phone && { phoneNumber: phone.target.address, phoneNumberVerified: true }),
      ...(email && { email: email.target.address, emailVerified: true }),
      roles,
    },
    passwordHash,
  );
}

export const taken = (channel: Channel): Conflict =>
  new Conflict(...(TAKEN[channel === 'sms' ? 'users_phone_number' : 'users_email_key'] as [string, string]));
