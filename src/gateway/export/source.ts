import type { LiveApi } from '../types.js';

/** What an export is made of: a tenant's APIs as they are now. */
export interface ExportSource {
  tenant: { id: string; name: string; issuer: string };
  apis: readonly LiveApi[];
}

/** Something that the other product does not have, or cannot do as Gatehouse does. */
export interface LeftOut {
  what: string;
  why: string;
}

/** Headers in which callers could say who they are or change what backends call: proxies drop them by name. */
export const FORGED = ['Cookie', 'Forwarded', 'Proxy', 'X-Real-IP', 'Gatehouse-Caller'];

/** Text of a caller's in a comment: on one line, in ASCII. */
export const commented = (text: string): string =>
  JSON.stringify(text)
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200);

/** What a file in YAML begins with. */
export const commentsOf = (
  { tenant, apis }: ExportSource,
  product: string,
  introduction: readonly string[],
  leftOut: readonly LeftOut[],
): string =>
  [
    `# Gatehouse, tenant ${commented(tenant.name)}, APIs: ${apis.length}. Written by "gatehouse gateway export ${product}".`,
    ...introduction.map((line) => `# ${line}`),
    ...(leftOut.length > 0 ? ['#', '# Not exported:'] : []),
    ...leftOut.map(({ what, why }) => `# - ${commented(what)}: ${why}`),
    '',
    '',
  ].join('\n');
