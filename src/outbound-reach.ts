import { isLocalHost, type Config } from './config.js';
import { readAllowEntry } from './kernel/outbound-entries.js';
import { LOOPBACK, type Reach } from './kernel/private-networks.js';

/**
 * Where a tenant's gateway and message services may connect to: the public Internet and what the operator's entries for this
 * tenant open. An issuer on localhost opens nothing.
 */
export const gatewayReach = (
  { outbound }: Pick<Config, 'outbound'>,
  { name, home }: { name: string; home: boolean },
): readonly string[] =>
  outbound.allow.flatMap((text) => {
    const { tenant, opening } = readAllowEntry(text) ?? {};
    return opening !== undefined && (tenant === undefined ? home : tenant === name) ? [opening] : [];
  });

/** Where a tenant's clients may have the server connect to: one whose issuer is on this machine, to this machine as well. */
export const reachOfTenant = (
  config: Pick<Config, 'outbound'>,
  tenant: { name: string; home: boolean; issuer: string },
): Reach => [...gatewayReach(config, tenant), ...(isLocalHost(new URL(tenant.issuer).host) ? LOOPBACK : [])];
