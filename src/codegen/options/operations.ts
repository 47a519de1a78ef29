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
import { clientFor } from '../sdk/target.js';
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

interface OptionsCall {
  db: TenantDb;
  actor: Actor | undefined;
  params: { id: string };
}

export interface OptionsServices {
  readonly generators: Generators;
  readonly vault: Vault;
  /** Where a tenant's registries and repositories may be. */
  reachOf(tenant: CallTenant): Reach;
}

/** Reads and changes the options of a call. */
function optionsOver(services: OptionsServices, missing: Code) {
  return {
    /** @throws NotFound, Failure: 404 */
    async read({ db, actor, params }: OptionsCall, key: OptionsKey): Promise<StoredOptions> {
      await findApiResource(db, params.id, confinedTo(actor));
      const stored = await findOptions(db, services.vault, key);
      if (!stored) throw new Failure(404, missing, { message: 'they are not set yet; PUT them' });
      return stored;
    },
    /** What a change is compared with: nothing where they are not set. */
    current: <C extends OptionsCall>(answer: object, read: (call: C) => Promise<unknown>) => ({
      answer: { ...answer, required: [] },
      read: (call: C): Promise<unknown> =>
        read(call).catch((error: unknown) => {
          if (error instanceof Failure && error.code === missing) return {};
          throw error;
        }),
    }),
    /** The API is locked, so that changes are in order. @throws NotFound, Failure: 422 */
    async change(
      { db, actor, params, tenant, body }: OptionsCall & { tenant: CallTenant; body: object },
      key: OptionsKey,
    ): Promise<StoredOptions> {
      await lockApiResource(db, params.id, confinedTo(actor));
      return changeOptions(db, services.vault, key, { ...body }, services.reachOf(tenant));
    },
  };
}

const NPM_PATH = '/{id}/NpmOptions/{language}';
const GITHUB_PATH = '/{id}/GithubOptions';
const COMMON_PATH = '/{id}/CommonOptions';

function npmOperations(services: OptionsServices): AnyOperation[] {
  const options = optionsOver(services, CODES.npmOptionsMissing);
  const keyOf = ({ params }: { params: { id: string; language: string } }): OptionsKey =>
    npmKey(params.id, params.language);
  const readNpm = async (call: OptionsCall & { params: { id: string; language: string } }) =>
    shownNpm(await options.read(call, keyOf(call)));
  return [
    defineOperation({
      ...at.own('npmoptions', 'GET', NPM_PATH),
      summary: 'Read what is set for the npm package of an API and a generator',
      schemas: { params: schemas.LANGUAGE_PARAMS, answer: schemas.NPM_OPTIONS },
      handle: readNpm,
    }),
    defineOperation({
      ...at.own('putnpmoptions', 'PUT', NPM_PATH),
      summary: 'Set the npm package of an API and a generator',
      authority: AUTHORITY,
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
      current: options.current(schemas.NPM_OPTIONS, readNpm),
      target: ({ params }) => params.id,
      // Options of another language would never be read.
      prepare: ({ params }) => clientFor(services.generators, params.language),
      handle: async (call) => shownNpm(await options.change(call, keyOf(call))),
    }),
  ];
}

function githubOperations(services: OptionsServices): AnyOperation[] {
  const options = optionsOver(services, CODES.githubOptionsMissing);
  const readGithub = async (call: OptionsCall) =>
    shownGithub(await options.read(call, githubKey(call.params.id)));
  return [
    defineOperation({
      ...at.own('githuboptions', 'GET', GITHUB_PATH),
      summary: 'Read what is set for the repository of an API',
      schemas: { params: schemas.API_PARAMS, answer: schemas.GITHUB_OPTIONS },
      handle: readGithub,
    }),
    defineOperation({
      ...at.own('putgithuboptions', 'PUT', GITHUB_PATH),
      summary: 'Set the repository of an API',
      authority: AUTHORITY,
      example: { owner: 'example', repo: 'orders-sdk', token: 'github_pat_your-token' },
      schemas: {
        params: schemas.API_PARAMS,
        body: schemas.GITHUB_OPTIONS_CHANGE,
        answer: schemas.GITHUB_OPTIONS,
      },
      current: options.current(schemas.GITHUB_OPTIONS, readGithub),
      target: ({ params }) => params.id,
      handle: async (call) => shownGithub(await options.change(call, githubKey(call.params.id))),
    }),
  ];
}

function commonOperations(services: OptionsServices): AnyOperation[] {
  const options = optionsOver(services, CODES.commonOptionsMissing);
  const readCommon = async (call: OptionsCall) =>
    shownCommon(await options.read(call, commonKey(call.params.id)));
  return [
    defineOperation({
      ...at.own('commonoptions', 'GET', COMMON_PATH),
      summary: 'Read where the document of an API is for all of its code',
      schemas: { params: schemas.API_PARAMS, answer: schemas.COMMON_OPTIONS },
      handle: readCommon,
    }),
    defineOperation({
      ...at.own('putcommonoptions', 'PUT', COMMON_PATH),
      summary: 'Set where the document of an API is for all of its code',
      authority: AUTHORITY,
      example: { swaggerUrl: 'https://api.example.com/openapi.json' },
      schemas: {
        params: schemas.API_PARAMS,
        body: schemas.COMMON_OPTIONS_CHANGE,
        answer: schemas.COMMON_OPTIONS,
      },
      current: options.current(schemas.COMMON_OPTIONS, readCommon),
      target: ({ params }) => params.id,
      handle: async (call) => shownCommon(await options.change(call, commonKey(call.params.id))),
    }),
  ];
}

/** The operations about what is set for the code generation of APIs. */
export const optionsOperations = (services: OptionsServices): readonly AnyOperation[] => [
  ...npmOperations(services),
  ...githubOperations(services),
  ...commonOperations(services),
];
