import {
  BASIC,
  defineList,
  defineOperation,
  Failure,
  NEWEST_LIST,
  parseJson,
  shapes,
  type AnyOperation,
  type CallTenant,
  type Page,
} from '../../api/index.js';
import { objectOf } from '../../kernel/json.js';
import { isWebAddress } from '../../kernel/web-addresses.js';
import { ROUTES } from '../../oidc/index.js';
import { DocumentRefused } from '../types.js';
import { ofApi, ofGateway } from './api.js';
import {
  authServersOf,
  deleteAuthServer,
  insertAuthServer,
  lockAuthServer,
  updateAuthServer,
} from './auth-server-store.js';
import { gatewayChanged } from './changes.js';
import { AUTH_SERVER, AUTH_SERVER_CHANGE, NEW_AUTH_SERVER } from './product-schemas.js';
import { OF_TENANT } from './products.js';
import { missing, refusal, refused } from './problems.js';
import { changed, withoutBlanks, type Given } from './settings.js';
import type { AuthServer, CatalogueBase } from './types.js';

const QUERY = NEWEST_LIST;

const shown = (server: AuthServer) => shapes.withTimes(server);
type Shown = Omit<ReturnType<typeof shown>, 'audience' | 'createdAt' | 'updatedAt'> & {
  audience: string | null;
  createdAt: string | null;
  updatedAt: string | null;
};

/** This issuer, which is an authorization server of each tenant. */
const self = ({ name, issuer }: CallTenant): Shown => ({
  id: 'self',
  name,
  issuer,
  audience: null,
  jwksUri: `${issuer}${ROUTES.jwks}`,
  authorizationEndpoint: `${issuer}${ROUTES.authorization}`,
  tokenEndpoint: `${issuer}${ROUTES.token}`,
  defaultScope: null,
  createdAt: null,
  updatedAt: null,
});

/** So many a tenant may have. */
const MOST = 100;

/** A page of a list that is short enough to be read whole. */
function pageIn(
  all: readonly Shown[],
  { skip, take, after }: { skip: number; take: number; after?: string | undefined },
): Page<Shown> {
  const before = after === undefined ? -1 : all.findIndex(({ id }) => id === after);
  if (after !== undefined && before === -1)
    throw refused('after', 'cursor', 'must be the "next" of an answer of this list');
  const from = before + 1 + skip;
  const rows = all.slice(from, from + take);
  return { rows, total: all.length, next: from + take < all.length ? rows.at(-1)?.id : undefined };
}

const isWithin = (
  { createdAt }: Shown,
  { startTime, endTime }: { startTime?: string | undefined; endTime?: string | undefined },
): boolean => {
  if (createdAt === null) return startTime === undefined && endTime === undefined;
  const made = Date.parse(createdAt);
  return !(made < Date.parse(startTime ?? '')) && !(made > Date.parse(endTime ?? ''));
};

/** @throws Failure: 422 */
function checkIssuer(tenant: CallTenant, issuer: string): void {
  const url = URL.parse(issuer);
  if (!url || !['http:', 'https:'].includes(url.protocol) || /[?#@]/.test(issuer))
    throw refused('issuer', 'format', 'must be an http(s) address without user, query and fragment');
  if (issuer === tenant.issuer) throw refused('issuer', 'self', 'is this issuer, which is there as "self"');
}

function checkKeysAt(base: CatalogueBase, tenant: CallTenant, field: string, address: string): string {
  const url = URL.parse(address);
  if (
    !url ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.username + url.password !== '' ||
    url.hash !== ''
  )
    throw refused(field, 'format', 'must be an http(s) address without user and fragment');
  const problem = base.checkKeysUrl(url, tenant);
  if (problem) throw refusal([{ ...problem, field }]);
  return url.href;
}

type Found = Pick<AuthServer, 'jwksUri'> &
  Partial<Pick<AuthServer, 'authorizationEndpoint' | 'tokenEndpoint'>>;

interface ServerRequest {
  name?: string;
  issuer?: string;
  audience?: string;
  jwksUri?: Given<string>;
  defaultScope?: Given<string>;
}

/** An address in somebody else's metadata, which a browser may be sent to; null for what is none of the web. */
const addressAt = (values: Record<string, unknown>, name: string): string | null => {
  const value = values[name];
  return typeof value === 'string' && value.length <= 2000 && isWebAddress(value) ? value : null;
};

/**
 * Where the keys of an issuer are: as given, or by its metadata (OpenID Connect Discovery 1.0, 4).
 * @throws Failure: 422
 */
async function keysOf(
  base: CatalogueBase,
  tenant: CallTenant,
  issuer: string,
  jwksUri: string | null,
): Promise<Found> {
  if (jwksUri !== null) return { jwksUri: checkKeysAt(base, tenant, 'jwksUri', jwksUri) };
  const metadata = await metadataOf(base, tenant, issuer);
  if (metadata['issuer'] !== issuer)
    throw refused('issuer', 'metadata', 'its metadata names another issuer; write it as they do');
  const named = addressAt(metadata, 'jwks_uri');
  if (named === null) throw refused('jwksUri', 'required', 'is missing: the issuer’s metadata names no keys');
  return {
    jwksUri: checkKeysAt(base, tenant, 'issuer', named),
    authorizationEndpoint: addressAt(metadata, 'authorization_endpoint'),
    tokenEndpoint: addressAt(metadata, 'token_endpoint'),
  };
}

async function metadataOf(
  base: CatalogueBase,
  tenant: CallTenant,
  issuer: string,
): Promise<Record<string, unknown>> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  try {
    return objectOf(parseJson(await base.fetchDocument(address, tenant)));
  } catch (error) {
    if (error instanceof DocumentRefused)
      throw refusal(error.problems.map((problem) => ({ ...problem, field: 'issuer' })));
    if (error instanceof Failure)
      throw refused('issuer', 'metadata', 'its metadata is not JSON; give its jwksUri');
    throw error;
  }
}

const listing = defineList({
  ...ofApi.own('authservers', 'GET', '/AuthServers'),
  summary: 'List authorization servers, this issuer first',
  schemas: { query: QUERY, answer: AUTH_SERVER },
  async handle({ db, tenant, query }) {
    const others: Shown[] = (await authServersOf(db)).map(shown);
    if (query.asc) others.reverse();
    return pageIn(
      [self(tenant), ...others].filter((server) => isWithin(server, query)),
      query,
    );
  },
});

export const authServerOperations = (base: CatalogueBase): readonly AnyOperation[] => [
  listing,
  defineOperation({
    ...ofGateway.own('postauthserver', 'POST', '/AuthServers'),
    summary: 'Add another issuer whose tokens APIs can take',
    example: { name: 'Partner', issuer: 'https://id.example.com', audience: 'https://api.example.com' },
    schemas: { body: NEW_AUTH_SERVER, answer: AUTH_SERVER },
    authority: OF_TENANT,
    acts: true,
    async prepare({ tenant, body: sent }) {
      const body = withoutBlanks(sent);
      checkIssuer(tenant, body.issuer);
      return keysOf(base, tenant, body.issuer, body.jwksUri ?? null);
    },
    async handle({ db, body }, found) {
      await db.lockTenant(); // two that are added at once are counted
      if ((await authServersOf(db)).length >= MOST)
        throw new Failure(409, BASIC.conflict, {
          message: `a tenant may have ${MOST} authorization servers`,
        });
      const { name, issuer, audience, defaultScope } = body;
      const server = await insertAuthServer(db, {
        ...{ name, issuer, audience, defaultScope: defaultScope || null },
        ...{ authorizationEndpoint: null, tokenEndpoint: null, ...found },
      });
      await gatewayChanged(db);
      return shown(server);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('putauthserver', 'PUT', '/AuthServers/{id}'),
    summary: 'Change an authorization server',
    example: { audience: 'https://api.example.com' },
    schemas: { params: shapes.params, body: AUTH_SERVER_CHANGE, answer: AUTH_SERVER },
    authority: OF_TENANT,
    acts: true,
    async prepare({ tenant, body: sent }): Promise<Found | undefined> {
      const body = withoutBlanks<ServerRequest>(sent);
      if (body.issuer !== undefined) checkIssuer(tenant, body.issuer);
      if (body.jwksUri === undefined) return undefined;
      if (body.jwksUri === null && body.issuer === undefined)
        throw refused('issuer', 'required', 'is missing: where the keys are is read from its metadata');
      return keysOf(base, tenant, body.issuer ?? '', body.jwksUri);
    },
    current: {
      answer: AUTH_SERVER,
      async read({ db, params }) {
        const server = await lockAuthServer(db, params.id);
        if (!server) throw missing('authorization server', params.id);
        return shown(server);
      },
    },
    async handle({ db, params, body: sent }, found) {
      const body = withoutBlanks<ServerRequest>(sent);
      const before = await lockAuthServer(db, params.id);
      if (!before) throw missing('authorization server', params.id);
      const issuer = body.issuer ?? before.issuer;
      // The keys of the issuer of before would sign for the new one.
      if (issuer !== before.issuer && body.jwksUri === undefined)
        throw refused(
          'jwksUri',
          'required',
          'is missing: another issuer has other keys; give their address, or null for that of its metadata',
        );
      const server = await updateAuthServer(db, {
        ...before,
        // Another issuer does not have them.
        ...(issuer !== before.issuer && { authorizationEndpoint: null, tokenEndpoint: null }),
        name: body.name ?? before.name,
        issuer,
        audience: body.audience ?? before.audience,
        defaultScope: changed(body.defaultScope, before.defaultScope, null),
        ...found,
      });
      await gatewayChanged(db);
      return shown(server);
    },
    finish: () => base.changed(),
  }),
  defineOperation({
    ...ofGateway.own('deleteauthserver', 'DELETE', '/AuthServers/{id}'),
    summary: 'Delete an authorization server that no version uses',
    schemas: { params: shapes.params, answer: shapes.DELETED },
    authority: OF_TENANT,
    async handle({ db, params }) {
      if (!(await lockAuthServer(db, params.id))) throw missing('authorization server', params.id);
      await deleteAuthServer(db, params.id);
      await gatewayChanged(db);
      return { id: params.id };
    },
    finish: () => base.changed(),
  }),
];
