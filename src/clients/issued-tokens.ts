import {
  areaAt,
  BASIC,
  defineList,
  defineOperation,
  Failure,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  pageOf,
  shapes,
  type Actor,
  type AnyOperation,
} from '../api/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import { revokeTokenIn } from '../revocations/index.js';
import type { Row, TenantDb } from '../store/index.js';

const at = areaAt('client', '/api/Client');
const { id, line, orNull, seconds, time } = shapes;

/** What is asked for: scopes that the caller has, seconds, and the moment (epoch milliseconds) that it counts from. */
export interface IssueWish {
  scope: string[];
  lifetime: number;
  at: number;
}

export interface IssuedToken {
  /** Its `jti`. */
  id: string;
  accessToken: string;
  audience: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** What signs; it lies above this room. */
export type TokenSource = (tenantId: string, actor: Actor, wish: IssueWish) => Promise<IssuedToken>;

const WISH = {
  title: 'TokenWish',
  type: 'object',
  additionalProperties: false,
  properties: {
    lifetime: { ...seconds, default: 3600, description: 'Seconds; no more than the server allows.' },
    scope: { ...line(20_000), description: 'Of the scopes of the token that you send; all of them.' },
    audience: { ...line(500), description: 'Of the token that you send; there is no other choice.' },
    description: orNull({ ...line(200), description: 'What it is for, to tell it from others.' }),
  },
} as const;

const listed = {
  id,
  description: orNull(line(200)),
  scope: { type: 'string' },
  createdAt: time,
  expiresAt: time,
} as const;

const LISTED = {
  title: 'ListedToken',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'description', 'scope', 'createdAt', 'expiresAt'],
  properties: listed,
} as const;

const ISSUED = {
  title: 'IssuedToken',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'accessToken', 'tokenType', 'expiresIn', 'scope', 'audience', 'expiresAt'],
  properties: {
    id,
    accessToken: { type: 'string', description: 'Shown this once.' },
    tokenType: { type: 'string', enum: ['Bearer'] },
    expiresIn: { type: 'integer' },
    scope: { type: 'string' },
    audience: { type: 'string' },
    expiresAt: time,
  },
} as const;

/** What the caller has had issued. */
const own = (db: TenantDb, actor: Actor | undefined) =>
  db.from('issued_tokens').where({ client_id: actor?.clientId ?? '', user_key: actor?.userKey ?? '' });

/** Forgets what a user has had issued; his tokens have ended by then. */
export const forgetIssuedTokens = async (db: TenantDb, userKey: string): Promise<void> =>
  void (await db.deleteAll('issued_tokens', { user_key: userKey }));

/** @throws Invalid for more than the caller has */
function scopeOf(actor: Actor, { scope, audience }: { scope?: string; audience?: string }): string[] {
  if (audience !== undefined && audience !== actor.token?.audience)
    throw new Invalid(
      'audience',
      `the token that you send is for "${actor.token?.audience}", and so is what comes of it`,
    );
  const wanted = scope === undefined ? [...actor.scopes] : [...new Set(scope.split(' ').filter(Boolean))];
  const beyond = wanted.find((word) => !actor.scopes.has(word));
  if (beyond !== undefined) throw new Invalid('scope', `the token that you send does not have "${beyond}"`);
  return wanted;
}

export const issuedTokenOperations = (issue: TokenSource): readonly AnyOperation[] => [
  defineOperation({
    ...at.own('issuetoken', 'POST', '/IssueToken'),
    summary: 'Get a JWT for yourself, with no more than the token that you send',
    example: { lifetime: 3600, description: 'For a script' },
    schemas: { body: WISH, answer: ISSUED },
    authority: {
      untouched: 'the new token has no more than the one that is sent',
      confined: 'the token is the caller’s own',
    },
    async prepare({ tenant, actor, body }) {
      if (!actor) throw new Error('it is a bearer’s');
      const scope = scopeOf(actor, body);
      return {
        scope,
        issued: await issue(tenant.id, actor, { scope, lifetime: body.lifetime ?? 3600, at: Date.now() }),
      };
    },
    async handle({ db, actor, body }, { scope, issued: { id: jti, accessToken, audience, expiresAt } }) {
      const origin = actor?.token?.id ?? '';
      if (await db.from('issued_tokens').where({ id: origin }).first())
        throw new Failure(403, BASIC.forbidden, {
          message: 'a token that was issued like this gets no others; sign in again',
          data: { missing: 'token', name: 'own' },
        });
      const createdAt = Date.now();
      await db.insert('issued_tokens', {
        id: jti,
        client_id: actor?.clientId ?? '',
        user_key: actor?.userKey ?? '',
        scope: scope.join(' '),
        description: body.description ?? null,
        created_at: createdAt,
        expires_at: expiresAt,
      });
      return {
        id: jti,
        accessToken,
        tokenType: 'Bearer' as const,
        expiresIn: Math.round((expiresAt - createdAt) / 1000),
        scope: scope.join(' '),
        audience,
        expiresAt: shapes.iso(expiresAt),
      };
    },
  }),
  defineList({
    ...at.own('issuedtokens', 'GET', '/IssuedTokens'),
    access: { kind: 'bearer', area: 'client', verb: 'issuetoken' },
    summary: 'List the tokens that you have had issued and that have not expired',
    schemas: { query: NEWEST_LIST, answer: LISTED },
    handle: ({ db, actor, query }) =>
      pageOf(db, own(db, actor).where('expires_at', '>', Date.now()), query, NEWEST_COLUMNS, (row) => ({
        id: row['id'] as string,
        description: row['description'] as string | null,
        scope: row['scope'] as string,
        createdAt: shapes.iso(row['created_at'] as number),
        expiresAt: shapes.iso(row['expires_at'] as number),
      })),
  }),
  defineOperation({
    ...at.own('revoketoken', 'DELETE', '/IssuedTokens/{id}'),
    access: { kind: 'bearer', area: 'client', verb: 'issuetoken' },
    summary: 'End a token that you have had issued',
    schemas: { params: shapes.params, answer: shapes.DELETED },
    authority: { untouched: 'the token holds what it held', confined: 'the token is the caller’s own' },
    async handle({ db, actor, params }) {
      const row = (await own(db, actor).where({ id: params.id }).first()) as Row | undefined;
      if (!row) throw new NotFound('token', `you have had no token "${params.id}" issued`);
      await revokeTokenIn(db, params.id, row['expires_at'] as number);
      await own(db, actor).where({ id: params.id }).delete();
      return { id: params.id };
    },
  }),
];
