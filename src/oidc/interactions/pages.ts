import type {
  errors as OidcErrors,
  KoaContextWithOIDC,
  Client as OidcClient,
  Interaction,
} from 'oidc-provider';
import { hostCookie } from '../../kernel/cookies.js';
import { StoreUnavailable } from '../../kernel/errors.js';
import { renderPage, type Look } from '../../kernel/pages.js';
import { hasPlainHost } from '../../kernel/web-addresses.js';
import { factsOf } from '../../kernel/request.js';
import type { Tenant } from '../../tenants/index.js';
import { answerUnavailable } from './unavailable.js';

type Context = KoaContextWithOIDC;

/** The pages that the library asks for; those of an interaction are in routes.ts. */
export interface OidcPages {
  deviceInput(ctx: Context, form: string, out?: unknown, error?: unknown): void;
  deviceConfirm(ctx: Context, form: string, client: OidcClient, deviceInfo: unknown, userCode: string): void;
  deviceDone(ctx: Context): void;
  signOut(ctx: Context, form: string): void;
  signedOut(ctx: Context): void;
  error(
    ctx: Context,
    out: { error: string; error_description?: string | undefined },
    error: Error,
  ): Promise<void>;
  interactionUrl(ctx: Context, interaction: Interaction): string;
}

/** Remembers, on this device, which application a sign-in was for, so that a lost person can be led back. */
const appCookie = ({ issuer }: Tenant): string => hostCookie(issuer.startsWith('https:'), 'gatehouse_app');
const APP_COOKIE_DAYS = 30;

export const lookOf = (tenant: Tenant): Look => ({
  name: tenant.name,
  logo: tenant.branding.logo,
  color: tenant.branding.color,
});

/** A parameter that came twice is none. */
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The only thing taken from the library's forms: they differ in nothing else from ours. */
const xsrfOf = (form: string): string => /name="xsrf" value="([0-9a-f]+)"/.exec(form)?.[1] ?? '';

/** Where a person who is stuck goes on: the application's home, as its registration has it. */
export function homeOf(
  client: { clientUri?: string | undefined; redirectUris?: readonly string[] | undefined } | undefined,
): string | undefined {
  if (client?.clientUri) return client.clientUri;
  const url = URL.parse(client?.redirectUris?.[0] ?? '');
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? `${url.origin}/` : undefined;
}

/** An origin for the page's policy. A row that is older than the rules may have a host that would end a directive. */
const originOf = (uri: string | undefined): string[] => {
  const url = URL.parse(uri ?? '');
  return url && hasPlainHost(url) ? [url.origin === 'null' ? url.protocol : url.origin] : [];
};

/** What a form that ends at the client's redirect URI needs in the page's policy. */
export const formTargetsOf = (redirectUri: unknown): string[] =>
  typeof redirectUri === 'string' ? originOf(redirectUri) : [];

export function oidcPages(tenant: Tenant): OidcPages {
  const page = (
    ctx: Context,
    name: string,
    data: Record<string, unknown>,
    formTargets: string[] = [],
  ): void =>
    renderPage(ctx, name, {
      look: lookOf(tenant),
      uiLocales: text(ctx.oidc.params?.['ui_locales'] ?? ctx.query['ui_locales']),
      formTargets,
      data,
    });
  const appName = (client: OidcClient | undefined): string | undefined =>
    client?.clientName ?? client?.clientId;

  return {
    deviceInput(ctx, form, _out, error) {
      const { name, userCode } = (error ?? {}) as { name?: string; userCode?: string };
      const problem = !error
        ? undefined
        : name === 'AbortedError'
          ? 'device.aborted'
          : error instanceof StoreUnavailable
            ? 'unavailable.short'
            : name === 'NoCodeError'
              ? 'device.empty'
              : userCode !== undefined || name?.endsWith('Error')
                ? 'device.wrong'
                : 'error.text';
      page(ctx, 'device-input', {
        xsrf: xsrfOf(form),
        action: ctx.oidc.urlFor('code_verification'),
        userCode: userCode ?? ctx.state['userCode'] ?? '',
        problem,
      });
    },
    deviceConfirm(ctx, form, client, _deviceInfo, userCode) {
      page(ctx, 'device-confirm', {
        xsrf: xsrfOf(form),
        action: ctx.oidc.urlFor('code_verification'),
        userCode,
        app: appName(client),
      });
    },
    deviceDone(ctx) {
      page(ctx, 'device-done', { app: appName(ctx.oidc.client) });
    },
    signOut(ctx, form) {
      const after = ctx.oidc.session?.state as { postLogoutRedirectUri?: string } | undefined;
      page(
        ctx,
        'sign-out',
        { xsrf: xsrfOf(form), action: ctx.oidc.urlFor('end_session_confirm'), app: appName(ctx.oidc.client) },
        originOf(after?.postLogoutRedirectUri),
      );
    },
    signedOut(ctx) {
      page(ctx, 'signed-out', { app: appName(ctx.oidc.client), home: homeOf(ctx.oidc.client) });
    },
    async error(ctx, out, error) {
      if (error instanceof StoreUnavailable) return answerUnavailable(ctx, error, lookOf(tenant));
      const lost = error.name === ('SessionNotFound' satisfies keyof typeof OidcErrors);
      // The cookie names the application of the sign-in that is lost. Another request may be of another application.
      const remembered = lost ? ctx.cookies.get(appCookie(tenant), { signed: true }) : undefined;
      const clientId = ctx.oidc.client?.clientId ?? remembered;
      const client = clientId
        ? await ctx.oidc.provider.Client.find(clientId).catch(() => undefined)
        : undefined;
      page(ctx, lost ? 'expired' : 'error', {
        error: out.error,
        description: out.error_description,
        requestId: factsOf(ctx.req).requestId,
        app: appName(client),
        home: homeOf(client),
      });
    },
    interactionUrl(ctx, interaction) {
      const clientId = String(interaction.params['client_id']);
      ctx.cookies.set(appCookie(tenant), clientId, {
        httpOnly: true,
        sameSite: 'lax',
        maxAge: APP_COOKIE_DAYS * 86_400_000,
      });
      return `/interaction/${interaction.uid}?app=${encodeURIComponent(clientId)}`;
    },
  };
}
