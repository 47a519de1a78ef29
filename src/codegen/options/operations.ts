import {
  areaAt,
  confinedTo,
  defineOperation,
  Failure,
  shapes,
  type Actor,
  type AnyOperation,
  type CallTenant,
  type Code,
} from '../../api/index.js';
import { findApiResource, lockApiResource } from '../../api-resources/index.js';
import type { Reach } from '../../kernel/private-networks.js';
import type { TenantDb, Vault } from '../../store/index.js';
import { CODEGEN_CODES as CODES } from '../codes.js';
import { clientFor } from '../generators/index.js';
import type { Generators } from '../types.js';
import { changeOptions } from './change.js';
import { commonOptions, githubOptions, npmOptions } from './defaults.js';
import { commonKey, githubKey, npmKey } from './options.js';
import * as schemas from './schemas.js';
import { findOptions } from './store.js';
import type { OptionsKey, StoredOptions } from './types.js';

const at = areaAt('codegen', '/api/CodeGen');

const AUTHORITY = {
  untouched: 'options say how code is made and where it goes, and give no permission',
  confined: 'the API is the caller’s own',
} as const;

/** A token with fewer characters has no hint of its own: four of them would give away too much. */
const SHORTEST_WITH_END = 16;

/** Says which token it is, as far as its end does. */
const hintOf = (token: string | null): string | null =>
  token && `…${token.length < SHORTEST_WITH_END ? '' : token.slice(-4)}`;

const timesOf = ({ createdAt, updatedAt }: StoredOptions) => ({
  createdAt: shapes.iso(createdAt),
  updatedAt: shapes.iso(updatedAt),
});

function shownNpm(stored: StoredOptions) {
  const { token, keywords, ...options } = npmOptions(stored);
  return { ...options, keywords: [...keywords], tokenHint: hintOf(token), ...timesOf(stored) };
}

function shownGithub(stored: StoredOptions) {
  const { token, hasGithubApi: _internal, ...options } = githubOptions(stored);
  return { ...options, tokenHint: hintOf(token), ...timesOf(stored) };
}

const shownCommon = (stored: StoredOptions) => ({ ...commonOptions(stored), ...timesOf(stored) });

interface OptionsCall<Params extends { id: string }> {
  db: TenantDb;
  actor: Actor | undefined;
  params: Params;
}

export interface OptionsServices {
  readonly generators: Generators;
  readonly vault: Vault;
  /** Where a tenant's registries and repositories may be. */
  reachOf(tenant: CallTenant): Reach;
}

interface KindOfOptions<Params extends { id: string }, Shown> {
  /** What is answered where they are not set. */
  missing: Code;
  keyOf(params: Params): OptionsKey;
  shown(stored: StoredOptions): Shown;
}

/** What the two operations of one kind of options do: `reading` answers them, `setting` changes them. */
function optionsOver<Params extends { id: string }, Shown>(
  services: OptionsServices,
  { missing, keyOf, shown }: KindOfOptions<Params, Shown>,
) {
  type Call = OptionsCall<Params>;
  /** @throws NotFound, Failure: 404 */
  async function read({ db, actor, params }: Call): Promise<Shown> {
    await findApiResource(db, params.id, confinedTo(actor));
    const stored = await findOptions(db, services.vault, keyOf(params));
    if (!stored) throw new Failure(404, missing, { message: 'they are not set yet; PUT them' });
    return shown(stored);
  }
  /** What a change is compared with: nothing where they are not set. */
  const readIfSet = (call: Call): Promise<unknown> =>
    read(call).catch((error: unknown) => {
      if (error instanceof Failure && error.code === missing) return {};
      throw error;
    });
  /** The API is locked, so that changes are in order. @throws NotFound, Failure: 422 */
  async function change({
    db,
    actor,
    params,
    tenant,
    body,
  }: Call & { tenant: CallTenant; body: object }): Promise<Shown> {
    await lockApiResource(db, params.id, confinedTo(actor));
    const reach = services.reachOf(tenant);
    return shown(await changeOptions(db, services.vault, keyOf(params), { ...body }, reach));
  }
  return {
    reading: { handle: read },
    setting: (answer: object) => ({
      authority: AUTHORITY,
      current: { answer: { ...answer, required: [] }, read: readIfSet },
      target: ({ params }: { params: Params }) => params.id,
      handle: change,
    }),
  };
}

const NPM_PATH = '/{id}/NpmOptions/{language}';
const GITHUB_PATH = '/{id}/GithubOptions';
const COMMON_PATH = '/{id}/CommonOptions';

function npmOperations(services: OptionsServices): AnyOperation[] {
  const { reading, setting } = optionsOver(services, {
    missing: CODES.npmOptionsMissing,
    keyOf: ({ id, language }: { id: string; language: string }) => npmKey(id, language),
    shown: shownNpm,
  });
  return [
    defineOperation({
      ...at.own('npmoptions', 'GET', NPM_PATH),
      ...reading,
      summary: 'Read what is set for the npm package of an API and a generator',
      schemas: { params: schemas.LANGUAGE_PARAMS, answer: schemas.NPM_OPTIONS },
    }),
    defineOperation({
      ...at.own('putnpmoptions', 'PUT', NPM_PATH),
      ...setting(schemas.NPM_OPTIONS),
      summary: 'Set the npm package of an API and a generator',
      example: {
        name: 'Orders',
        sdkName: '@example/orders',
        license: 'MIT',
        keywords: ['orders'],
        token: 'npm_your-token',
      },
      schemas: {
        params: schemas.LANGUAGE_PARAMS,
        body: schemas.NPM_OPTIONS_CHANGE,
        answer: schemas.NPM_OPTIONS,
      },
      // Options of another language would never be read.
      prepare: ({ params }) => clientFor(services.generators, params.language),
    }),
  ];
}

function githubOperations(services: OptionsServices): AnyOperation[] {
  const { reading, setting } = optionsOver(services, {
    missing: CODES.githubOptionsMissing,
    keyOf: ({ id }) => githubKey(id),
    shown: shownGithub,
  });
  return [
    defineOperation({
      ...at.own('githuboptions', 'GET', GITHUB_PATH),
      ...reading,
      summary: 'Read what is set for the repository of an API',
      schemas: { params: schemas.API_PARAMS, answer: schemas.GITHUB_OPTIONS },
    }),
    defineOperation({
      ...at.own('putgithuboptions', 'PUT', GITHUB_PATH),
      ...setting(schemas.GITHUB_OPTIONS),
      summary: 'Set the repository of an API',
      example: { owner: 'example', repo: 'orders-sdk', token: 'github_pat_your-token' },
      schemas: {
        params: schemas.API_PARAMS,
        body: schemas.GITHUB_OPTIONS_CHANGE,
        answer: schemas.GITHUB_OPTIONS,
      },
    }),
  ];
}

function commonOperations(services: OptionsServices): AnyOperation[] {
  const { reading, setting } = optionsOver(services, {
    missing: CODES.commonOptionsMissing,
    keyOf: ({ id }) => commonKey(id),
    shown: shownCommon,
  });
  return [
    defineOperation({
      ...at.own('commonoptions', 'GET', COMMON_PATH),
      ...reading,
      summary: 'Read where the document of an API is for all of its code',
      schemas: { params: schemas.API_PARAMS, answer: schemas.COMMON_OPTIONS },
    }),
    defineOperation({
      ...at.own('putcommonoptions', 'PUT', COMMON_PATH),
      ...setting(schemas.COMMON_OPTIONS),
      summary: 'Set where the document of an API is for all of its code',
      example: { swaggerUrl: 'https://api.example.com/openapi.json' },
      schemas: {
        params: schemas.API_PARAMS,
        body: schemas.COMMON_OPTIONS_CHANGE,
        answer: schemas.COMMON_OPTIONS,
      },
    }),
  ];
}

/** The operations about what is set for the code generation of APIs. */
export const optionsOperations = (services: OptionsServices): readonly AnyOperation[] => [
  ...npmOperations(services),
  ...githubOperations(services),
  ...commonOperations(services),
];
