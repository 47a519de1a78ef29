import type { Interaction, Provider } from 'oidc-provider';
import type { Catalogue } from '../catalogue.js';
import { allow } from '../grants/existing.js';

/** What the library's consent prompt says is still to be allowed. */
interface Missing {
  missingOIDCScope?: string[];
  missingResourceScopes?: Record<string, string[]>;
}

/** A line of the consent page; `key` names its text in the locales where the catalogue has none. */
export interface ShownScope {
  name: string;
  title: string;
  text: string | undefined;
  key: string;
  emphasize: boolean;
}

/**
 * Everything that the application asks for, in the words of the catalogue: what was allowed before as well, so that a
 * person who is asked again (`prompt=consent`) sees what it is about.
 */
export function scopesToShow(catalogue: Catalogue, interaction: Interaction): ShownScope[] {
  const { scope: sent } = interaction.params;
  const asked = typeof sent === 'string' ? sent.split(' ').filter(Boolean) : [];
  return asked.map((name) => {
    const api = catalogue.apiOf(name);
    const scope = catalogue.identity.get(name) ?? api?.scopes.find((candidate) => candidate.name === name);
    return {
      name,
      title: scope?.displayName ?? name,
      text: scope?.description ?? (api && (api.displayName ?? api.name)),
      key: name === 'offline_access' ? 'consent.offline' : 'consent.about_you',
      emphasize: scope?.emphasize ?? false,
    };
  });
}

/** Writes down that the person allowed what was asked. */
export async function allowAsked(
  provider: Provider,
  interaction: Interaction,
  accountId: string,
): Promise<{ grantId: string; scopes: string[] }> {
  const { missingOIDCScope = [], missingResourceScopes = {} } = interaction.prompt.details as Missing;
  const stored = interaction.grantId ? await provider.Grant.find(interaction.grantId) : undefined;
  const grant =
    stored ?? new provider.Grant({ accountId, clientId: String(interaction.params['client_id']) });
  const [api] = Object.entries(missingResourceScopes);
  const grantId = await allow(grant, missingOIDCScope, api && { indicator: api[0], scopes: api[1] });
  return { grantId, scopes: [...new Set([...missingOIDCScope, ...(api?.[1] ?? [])])] };
}
