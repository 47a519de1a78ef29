import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Config } from '../config.js';
import { networkOf } from '../kernel/addresses.js';
import { Invalid, ProductError } from '../kernel/errors.js';
import type { Store, TenantDb, Vault } from '../store/index.js';
import { secondsUntilFree } from './quota.js';
import { readCode, targetKey, type Channel, type Target } from './target.js';

/** What a code is for; it is good for nothing else. */
export type Purpose = 'register' | 'reset' | 'change' | 'login' | 'register_or_reset';

const MOST_TRIES = 5;
const DAY_MS = 86_400_000;

/** Seconds for which a code is good. */
export const lifetimeOf = ({ smsLifetime, mailLifetime }: Config['codes'], { channel }: Target): number =>
  channel === 'sms' ? smsLifetime : mailLifetime;

/** No code is sent now, to this target or at all. */
export class NoCodeNow extends ProductError {
  constructor(
    readonly channel: Channel,
    /** `spacing`: one was sent a moment ago; the others have none left for today. */
    readonly limit: 'spacing' | 'target' | 'address' | 'tenant',
    /** Seconds. */
    readonly retryAfter: number,
    message: string,
  ) {
    super('code', message);
  }
}

/** What a code was said to be. */
export interface Shown {
  target: Target;
  purposes: readonly Purpose[];
  /** The one who asked for it, where a code is for one person only (a user's key). */
  subject?: string;
  code: string;
}

/** `used`: it was the right one, and has done its work already. */
export type Verdict = 'right' | 'wrong' | 'used';

/**
 * One-time codes: six digits, one at a time for each target, kept as a keyed hash of the code with its purpose and target.
 * - `issue` makes one, voids the one before, and counts it; call it in the transaction that queues its message. It does the
 *   same work whether anybody is known by the target. @throws NoCodeNow, Invalid for a country that gets none
 * - `check` compares, and counts a wrong one at once, whatever becomes of the request; the fifth wrong one burns the code;
 * - `use` takes the code that `check` found right, in the transaction of what it is for; false where another was quicker.
 */
export interface Codes {
  issue(
    db: TenantDb,
    wish: { target: Target; purpose: Purpose; subject?: string; address: string },
  ): Promise<string>;
  check(tenantId: string, shown: Shown): Promise<Verdict>;
  use(db: TenantDb, shown: Shown): Promise<boolean>;
}

export function openCodes(store: Store, vault: Vault, config: Config['codes']): Codes {
  const count = store.prepare(
    `UPDATE verification_codes SET tries = tries + 1
     WHERE tenant_id = ? AND target = ? AND tries < ${MOST_TRIES} AND expires_at > ?`,
  );
  const uncount = store.prepare(
    'UPDATE verification_codes SET tries = tries - 1 WHERE tenant_id = ? AND target = ? AND code_hash = ? AND tries > 0',
  );
  const find = store.prepare(
    'SELECT code_hash, used_at FROM verification_codes WHERE tenant_id = ? AND target = ?',
  );

  const keyOf = (target: Target): string => vault.hash('code-target', targetKey(target));
  const hashOf = (target: Target, purpose: Purpose, subject: string, code: string): string =>
    vault.hash('code', [targetKey(target), purpose, subject, code].join('\n'));
  const hashesOf = ({ target, purposes, subject = '', code }: Shown): string[] => {
    const read = readCode(code) ?? 'no code';
    return purposes.map((purpose) => hashOf(target, purpose, subject, read));
  };

  async function admit(db: TenantDb, target: Target, key: string, address: string): Promise<void> {
    const { channel, country } = target;
    if (channel === 'sms' && config.countries.length > 0 && !config.countries.includes(country ?? ''))
      throw new Invalid('phoneNumber', 'no messages are sent to numbers of this country');
    const from = vault.hash('code-address', networkOf(address));
    const perTenant = channel === 'sms' ? config.smsPerTenant : config.mailPerTenant;
    const rules: [limit: NoCodeNow['limit'], name: string, quota: number, windowMs: number, words: string][] =
      [
        ['spacing', key, 1, config.spacing * 1000, 'a code was sent a moment ago; use it, or wait'],
        ['target', key, config.perTarget, DAY_MS, 'no more codes are sent there today'],
        ['address', from, config.perAddress, DAY_MS, 'no more codes are sent for your network today'],
        ['tenant', channel, perTenant, DAY_MS, 'no more codes are sent today'],
      ];
    for (const [limit, name, quota, windowMs, words] of rules) {
      const id = `code:${limit}:${name}`;
      const wait = await secondsUntilFree(db, id, quota, windowMs);
      if (wait !== undefined) throw new NoCodeNow(channel, limit, wait, words);
    }
  }

  return {
    async issue(db, { target, purpose, subject = '', address }) {
      const key = keyOf(target);
      await admit(db, target, key, address);
      const code = String(randomInt(1_000_000)).padStart(6, '0');
      await db.put('verification_codes', ['target'], {
        target: key,
        purpose,
        code_hash: hashOf(target, purpose, subject, code),
        tries: 0,
        used_at: null,
        expires_at: Date.now() + lifetimeOf(config, target) * 1000,
      });
      return code;
    },

    async check(tenantId, shown) {
      const key = keyOf(shown.target);
      // Counted before it is compared, so that guesses sent all at once are no more than those sent one by one.
      if ((await count.run(tenantId, key, Date.now())) === 0) return 'wrong';
      const row = await find.first(tenantId, key);
      const kept = Buffer.from(row?.['code_hash'] as string);
      // Every purpose is compared, so that the time tells nothing.
      const right = hashesOf(shown).filter((hash) => timingSafeEqual(Buffer.from(hash), kept));
      if (right.length === 0) return 'wrong';
      await uncount.run(tenantId, key, right[0] as string);
      return row?.['used_at'] == null ? 'right' : 'used';
    },

    async use(db, shown) {
      const taken = await db
        .from('verification_codes')
        .where({ target: keyOf(shown.target), used_at: null })
        .where('expires_at', '>', Date.now())
        .whereIn('code_hash', hashesOf(shown))
        .update({ used_at: Date.now() });
      return taken === 1;
    },
  };
}

/** Ends every code of the tenant that waits to be used. */
export const endCodes = async (db: TenantDb): Promise<void> =>
  void (await db.from('verification_codes').delete());
