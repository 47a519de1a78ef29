import { Invalid } from '../kernel/errors.js';
import { isWebAddress, NO_WEB_ADDRESS } from '../kernel/web-addresses.js';
import type { Branding } from './schema.js';

/** `<scheme>:ClientSecret`: how another identity provider knows this tenant. Sealed at rest, and answered to nobody. */
export const isSecret = (name: string): boolean => /:ClientSecret$/i.test(name);

/** What anybody may know: what a site shows of itself, and the ids (never the secrets) that it is known by elsewhere. */
const PUBLIC = new Set([
  'website',
  'portalsite',
  'adminsite',
  'keywords',
  'summary',
  'description',
  'enterpriseemail',
  'tracking',
  'favicon',
  'logo',
  'color',
]);

export const publicOf = (properties: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(properties).filter(
      ([name]) => PUBLIC.has(name.toLowerCase()) || (/:ClientId$/i.test(name) && !isSecret(name)),
    ),
  );

const ADDRESSES = new Set(['website', 'portalsite', 'adminsite', 'favicon', 'logo']);

/** What pages build links and colours of has to be such. What is there already may stay. @throws Invalid */
export function checkProperties(
  properties: Record<string, string>,
  before: Record<string, string> = {},
): void {
  for (const [name, value] of Object.entries(properties)) {
    if (before[name] === value) continue;
    const known = name.toLowerCase();
    if (ADDRESSES.has(known) && !isWebAddress(value)) throw new Invalid(`properties/${name}`, NO_WEB_ADDRESS);
    if (known === 'color' && !/^#[0-9a-f]{6}$/i.test(value))
      throw new Invalid(`properties/${name}`, 'must be a colour such as #1f6feb');
  }
}

/** What pages show of it, whichever case the names are in. */
export function brandingOf(properties: Record<string, string>): Branding {
  const byName = new Map(Object.entries(properties).map(([name, value]) => [name.toLowerCase(), value]));
  const logo = byName.get('logo');
  // A row that is older than the rule may have something else, which would stand in the pages' policy.
  return { logo: logo !== undefined && isWebAddress(logo) ? logo : undefined, color: byName.get('color') };
}
