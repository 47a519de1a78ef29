import { isLocalHost } from '../config.js';
import { Invalid } from '../kernel/errors.js';

/** The issuer of a tenant at this host: https, but for names of this machine. */
export const issuerAt = (host: string): string => `${isLocalHost(host) ? 'http' : 'https'}://${host}`;

/** The hosts that an issuer answers at. `localhost` is also its two addresses, so that probes and old tools reach it. */
export function hostsOf(issuer: string): string[] {
  const { host, hostname, port } = new URL(issuer);
  if (hostname !== 'localhost') return [host];
  return ['localhost', '127.0.0.1', '[::1]'].map((name) => (port ? `${name}:${port}` : name));
}

/** A host as it stands in a Host header: a lower-case name, with a port only where it is not the usual one. @throws Invalid */
export function checkHost(host: string): string {
  const url = URL.parse(`${issuerAt(host)}/`);
  if (!url || url.host !== host.toLowerCase() || url.username || url.pathname !== '/')
    throw new Invalid('host', `"${host}" is not a host such as id.example.com or id.example.com:8443`);
  return url.host;
}

/** Where a tenant of this host is: its issuer and the Host headers that pick it. @throws Invalid */
export function placeAt(host: string): { issuer: string; hosts: string[] } {
  const issuer = issuerAt(checkHost(host));
  return { issuer, hosts: hostsOf(issuer) };
}
