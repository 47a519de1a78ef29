import { hash, randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import Provider, { type Interaction } from '../library/index.js';
import { hostCookie, pathCookie } from '../../kernel/cookies.js';
import { sameToken } from '../../kernel/forms.js';
import type { Vault } from '../../store/index.js';
import { keepFields, type InteractionFields } from '../model-fields.js';

/** Sign-ins that one browser can have open at a time; the oldest beyond them expires. */
const MOST_OPEN = 20;
const NAME_CHARACTERS = 8;

/** An interaction that knows the browser that it began in: the hash of what that browser's cookie holds. */
type Bound = Interaction & InteractionFields & { browser?: string };

const digest = (value: string): string => hash('sha256', value, 'base64url');
const secondsLeft = ({ exp }: Interaction): number => exp - Math.floor(Date.now() / 1000);

/** Whom a finished interaction signs in, or who allowed something in it. */
const personOf = ({ result, session }: Interaction): string =>
  result?.login?.accountId ?? session?.accountId ?? '';

/**
 * Binds a sign-in (an interaction, as the library calls it) to its browser, twice. The library's own cookies hold the
 * interaction's id, which is the same in every browser that is given them.
 *
 * - From the beginning by a random value in a cookie of the host alone, which no other host can plant.
 * - From the sign-in on by a second cookie, which only a browser gets in which that person has signed in. So a person
 *   whose browser was given another's cookies does not sign in that other browser.
 */
export class BrowserBinding {
  readonly #secure: boolean;
  readonly #begun: string;
  readonly #finished: string;

  /** @param issuer the tenant's. */
  constructor(
    issuer: string,
    readonly vault: Vault,
  ) {
    this.#secure = issuer.startsWith('https:');
    this.#begun = hostCookie(this.#secure, 'gatehouse_sign_in_');
    this.#finished = pathCookie(this.#secure, 'gatehouse_signed_in');
  }

  #set(ctx: Context, name: string, value: string | null, path: string, seconds: number): void {
    ctx.cookies.set(name, value, {
      path,
      httpOnly: true,
      sameSite: 'lax',
      secure: this.#secure,
      signed: false, // the server knows the value that is right
      overwrite: true,
      ...(value !== null && { maxAge: seconds * 1000 }),
    });
  }

  #nameOf({ uid }: Interaction): string {
    return this.#begun + uid.slice(0, NAME_CHARACTERS);
  }

  /** The names of the sign-ins that the browser has open, the oldest first (RFC 6265, 5.4). */
  #open(ctx: Context): string[] {
    return ctx
      .get('Cookie')
      .split(';')
      .map((pair) => pair.split('=', 1)[0]?.trim() ?? '')
      .filter((name) => name.startsWith(this.#begun) && !name.endsWith('.sig'));
  }

  #begin(ctx: Context, interaction: Bound, ttl: number): void {
    const value = randomBytes(16).toString('base64url');
    interaction.browser = digest(value);
    const open = this.#open(ctx);
    for (const name of open.slice(0, Math.max(0, open.length + 1 - MOST_OPEN)))
      this.#set(ctx, name, null, '/', 0);
    this.#set(ctx, this.#nameOf(interaction), value, '/', ttl);
  }

  /** Whether it began in this browser. */
  beganHere(ctx: Context, interaction: Interaction): boolean {
    const { browser } = interaction as Bound;
    const value = ctx.cookies.get(this.#nameOf(interaction), { signed: false });
    return browser !== undefined && value !== undefined && sameToken(browser, digest(value));
  }

  /** The same for each answer about the same person, so that a form that was sent twice does no harm. */
  #proofOf(interaction: Interaction): string {
    return this.vault.hash('sign-in', `${interaction.uid}:${personOf(interaction)}`);
  }

  /** Tells the browser that this was done in it. Call it when the result is there. */
  finish(ctx: Context, interaction: Interaction): void {
    const { pathname } = new URL(interaction.returnTo);
    this.#set(ctx, this.#finished, this.#proofOf(interaction), pathname, secondsLeft(interaction));
  }

  /** Whether what there is of it, its beginning and its result, was done in this browser. */
  #belongsTo(ctx: Context, interaction: Interaction): boolean {
    if (!this.beganHere(ctx, interaction)) return false;
    if (interaction.result === undefined) return true;
    const proof = ctx.cookies.get(this.#finished, { signed: false }) ?? '';
    return sameToken(this.#proofOf(interaction), proof);
  }

  /** What a form of the interaction's pages proves to come from: the interaction, in its browser. */
  formSubject(interaction: Interaction): string {
    return `${interaction.uid}:${(interaction as Bound).browser ?? ''}`;
  }

  #forget(ctx: Context, interaction: Interaction): void {
    this.#set(ctx, this.#nameOf(interaction), null, '/', 0);
    this.#set(ctx, this.#finished, null, new URL(interaction.returnTo).pathname, 0);
  }

  /** Binds what the library begins, and lets it find what it goes on with in the same browser only. */
  guard(provider: Provider): void {
    const model = provider.Interaction;
    keepFields(model, ['browser', 'asOf', 'seen']);
    const { find } = model;
    const { save, destroy } = model.prototype;
    const begin = (ctx: Context, interaction: Bound, ttl: number): void => this.#begin(ctx, interaction, ttl);
    const forget = (ctx: Context, interaction: Interaction): void => this.#forget(ctx, interaction);
    model.find = (async (...given: Parameters<typeof find>) => {
      const interaction = (await find.apply(model, given)) as Interaction | undefined;
      const ctx = Provider.ctx;
      return interaction && ctx && !this.#belongsTo(ctx, interaction) ? undefined : interaction;
    }) as typeof find;
    model.prototype.save = function saveBound(this: Bound, ttl: number) {
      const ctx = Provider.ctx;
      if (ctx && this.browser === undefined) begin(ctx, this, ttl);
      return save.call(this, ttl);
    };
    model.prototype.destroy = function destroyBound(this: Interaction) {
      if (Provider.ctx) forget(Provider.ctx, this);
      return destroy.call(this);
    };
  }
}
