import { createHash } from 'node:crypto';
import type { LiveApi, LiveRevision } from '../types.js';
import type { ExportSource } from './source.js';

/** What the parts of an nginx configuration have in common. */

export interface NginxOptions {
  /** What the server listens at: a port, or an address with one. */
  listen: string;
  /** Where nginx reaches Gatehouse: `http://host:port`. */
  gatehouse: string;
  /** The header that certificates of clients are believed from (`mtls.header`). */
  certificateHeader: string;
  /** A file of the authorities that backends' certificates are checked by. */
  authorities: string;
  /** The address to connect to for a backend, checked; undefined where there is none that may be connected to. */
  addressOf(serviceUrl: URL): Promise<string | undefined>;
}

/** A revision that nginx can forward to. */
export interface Backend {
  name: string;
  revision: LiveRevision;
  address: string;
}

/** Names of this tenant's, so that files of several tenants can be included by one nginx. */
export interface Names {
  /** The beginning of names of upstreams and locations. */
  prefix: string;
  /** A variable's name without `$`. */
  variable(name: string): string;
}

const DIGITS = 8;

export function namesOf(tenantId: string): Names {
  const digest = createHash('sha256').update(tenantId).digest('hex').slice(0, DIGITS);
  // nginx keeps names of variables in buckets of 64 bytes, where nothing else is configured.
  const short = (name: string): string =>
    name.toLowerCase().replaceAll('-', '_').replace('access_control', 'ac');
  return { prefix: `gatehouse_${digest}`, variable: (name) => `gh_${digest}_${short(name)}` };
}

export interface ServerParts {
  source: ExportSource;
  options: NginxOptions;
  names: Names;
  backends: ReadonlyMap<string, Backend>;
  host: string;
}

export const revisionsOf = (apis: readonly LiveApi[]): LiveRevision[] =>
  apis.flatMap((api) => [...api.versions.values()].flatMap((version) => [...version.revisions.values()]));
