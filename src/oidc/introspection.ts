import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { parse as parseForm } from 'node:querystring';
import type { AdapterPayload, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { hasSecrets, type Client } from '../clients/index.js';
import { parse } from '../kernel/json.js';
import { factsOf } from '../kernel/request.js';
import type { Limits } from '../limits/index.js';
import { matchesSecret } from '../secrets/index.js';
import type { Vault } from '../store/index.js';
import type { Artifacts } from './artifacts.js';
import type { Catalogue } from './catalogue.js';
import type { ClientCache } from './client-cache.js';
import { asStoredToken, generationIn } from './jwt-access-token.js';
import { live, statusOfJwt, type JwtStatusBase } from './jwt-status.js';

/** What introspection stands on. */
export interface IntrospectionBase extends JwtStatusBase {
  vault: Vault;
  clients: ClientCache;
  artifacts: Artifacts;
  catalogue: Pick<Catalogue, 'isForAnotherApi'>;
  limits: Limits;
}

const LARGEST_BODY = 56 * 1024; // the library's own bound
const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;
/** An id and a secret of which none needs decoding (RFC 6749, 2.3.1). */
const PLAIN = /^([\x21-\x24\x26-\x2a\x2c-\x39\x3b-\x7e]+):([\x21-\x24\x26-\x2a\x2c-\x7e]+)$/;
const OF_OTHER_WAYS = ['client_secret', 'client_assertion', 'client_assertion_type'];

/**
 * Answers an introspection (RFC 7662) that is asked for as nearly every API asks: a form, the client's secret in the
 * Authorization header, a JSON answer. It is what an API does for every request of its own, and the library's way takes
 * three times as long (docs/performance.md). Whatever is different, or wrong, is left to the library, untouched.
 * @returns false where nothing has been answered.
 */
export async function introspect(
  ctx: KoaContextWithOIDC,
  provider: Provider,
  base: IntrospectionBase,
): Promise<boolean> {
  const { req } = ctx;
  const client = await authenticated(req, base);
  if (!client) return false;
  const token = tokenIn(await peek(req), client);
  if (token === undefined) return false;
  if (base.limits.byClient('introspection', base.tenantId, client.clientId)) return false;
  req.read(); // nobody else will
  factsOf(req).clientId = client.clientId;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = token.includes('.')
    ? await statusOfJwt(provider, client, token, base)
    : await statusOf(provider, client, token, base);
  return true;
}

/** The client whose secret the request's header has. */
async function authenticated(
  { method, headers }: IncomingMessage,
  base: IntrospectionBase,
): Promise<Client | undefined> {
  if (method !== 'POST' || headers.origin !== undefined || !FORM.test(headers['content-type'] ?? ''))
    return undefined;
  const credentials = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  if (credentials === undefined) return undefined;
  const [, clientId, secret] = PLAIN.exec(Buffer.from(credentials, 'base64').toString('latin1')) ?? [];
  if (clientId === undefined || secret === undefined) return undefined;
  const client = await base.clients.get(clientId);
  if (!client || !hasSecrets(client.settings.tokenEndpointAuthMethod)) return undefined;
  if (client.settings.introspectionSignedResponseAlg !== undefined) return undefined;
  return matchesSecret(base.vault, client.secrets, secret, Date.now()) ? client : undefined;
}

/** The body, if it is all there at the first look. It stays in the request for whoever reads it next. */
async function peek(req: IncomingMessage): Promise<string | undefined> {
  const length = Number(req.headers['content-length']);
  if (!(length > 0 && length <= LARGEST_BODY)) return undefined;
  if (req.readableLength < length) await once(req, 'readable');
  if (req.readableLength !== length) return undefined;
  const body = req.read() as Buffer;
  req.unshift(body);
  return body.toString();
}

function tokenIn(body: string | undefined, client: Client): string | undefined {
  if (body === undefined) return undefined;
  const { token, token_type_hint: hint, client_id: clientId = client.clientId, ...more } = parseForm(body);
  if (typeof token !== 'string' || token === '' || Array.isArray(hint) || clientId !== client.clientId)
    return undefined;
  return OF_OTHER_WAYS.some((name) => more[name] !== undefined) ? undefined : token;
}

/** What introspection says of a token that is kept (RFC 7662, 2.2). */
async function statusOf(
  provider: Provider,
  client: Client,
  value: string,
  base: IntrospectionBase,
): Promise<object> {
  const token = await find(provider, value, base);
  if (!token || !base.mayIntrospect(client, { clientId: token.clientId, aud: token.aud }))
    return { active: false };
  const { jkt, 'x5t#S256': x5t } = token;
  return base.asOfNow({
    ...token.extra,
    active: true,
    sub: token.accountId,
    client_id: token.clientId,
    exp: token.exp,
    iat: token.iat,
    iss: provider.issuer,
    aud: token.aud,
    scope: token.scope || undefined,
    cnf: (jkt ?? x5t) === undefined ? undefined : { jkt, 'x5t#S256': x5t },
    token_type: token.kind === 'RefreshToken' ? undefined : jkt === undefined ? 'Bearer' : 'DPoP',
  });
}

/** What a token holds, as its row has it and as the library's models have it. */
export type Token = Pick<
  AdapterPayload,
  | 'kind'
  | 'clientId'
  | 'accountId'
  | 'grantId'
  | 'sessionUid'
  | 'expiresWithSession'
  | 'aud'
  | 'scope'
  | 'extra'
  | 'exp'
  | 'iat'
  | 'jkt'
  | 'x5t#S256'
> & {
  /** The revocations that the request had seen that issued it (src/revocations). */
  generation: number;
};

/** An access token that works, whatever its format. */
export async function liveAccessToken(
  provider: Provider,
  value: string,
  base: Pick<IntrospectionBase, 'artifacts' | 'catalogue' | 'tenantId' | 'isActive'>,
): Promise<Token | undefined> {
  if (!value.includes('.')) {
    const token = await find(provider, value, base);
    return token?.kind === 'RefreshToken' ? undefined : token;
  }
  const claims = await live(provider, value, base);
  return claims && { ...asStoredToken(value, claims), generation: generationIn(claims) };
}

/** A token that works. On a client's own hangs nothing; what the others hang on is for the library to check. */
async function find(
  provider: Provider,
  value: string,
  { artifacts, tenantId, catalogue }: Pick<IntrospectionBase, 'artifacts' | 'tenantId' | 'catalogue'>,
): Promise<Token | undefined> {
  const stored = await artifacts.findAny(tenantId, value);
  if (!stored || stored.revoked) return undefined;
  const { generation } = stored;
  if (stored.model === 'ClientCredentials') {
    const token = parse<AdapterPayload>(stored.payload);
    const isOver =
      (token.exp ?? 0) * 1000 <= Date.now() || catalogue.isForAnotherApi(token['aud'], token.extra?.['aid']);
    return isOver ? undefined : { ...token, generation };
  }
  const token =
    stored.model === 'AccessToken'
      ? await provider.AccessToken.find(value)
      : stored.model === 'RefreshToken'
        ? await provider.RefreshToken.find(value)
        : undefined;
  if (!token?.isValid) return undefined;
  const grant = token.grantId === undefined ? undefined : await provider.Grant.find(token.grantId);
  const same = grant?.clientId === token.clientId && grant?.accountId === token.accountId;
  return same ? Object.assign(token, { generation }) : undefined;
}
