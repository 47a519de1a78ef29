import type { Claim } from '../roles/index.js';

/** What pages show of a tenant; every value is optional. */
export interface Branding {
  logo?: string | undefined;
  /** `#rrggbb` */
  color?: string | undefined;
}

export interface Tenant {
  id: string;
  name: string;
  /** The issuer of every token of the tenant. */
  issuer: string;
  /** Whether it is the first one, whose administrators manage the others. */
  home: boolean;
  enabled: boolean;
  /** Whether people may make accounts for themselves; else administrators make them. */
  registrationOpen: boolean;
  /** The Host headers that pick it, exactly. */
  hosts: string[];
  theme: string | null;
  claims: Claim[];
  /** What administrators say of it, by name (properties.ts). */
  properties: Record<string, string>;
  branding: Branding;
  /** Seconds for which others may keep what is public of it. */
  cacheDuration: number;
  /** The user of the home tenant whose it is. */
  ownerUserId: string | null;
  /** Changes with everything that a running provider must know of. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

export type NewTenant = Pick<Tenant, 'name' | 'issuer' | 'hosts'> &
  Partial<
    Pick<
      Tenant,
      | 'home'
      | 'enabled'
      | 'registrationOpen'
      | 'theme'
      | 'claims'
      | 'properties'
      | 'cacheDuration'
      | 'ownerUserId'
    >
  >;
