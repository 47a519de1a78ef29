/** What pages show of a tenant; every value is optional. */
export interface Branding {
  logo?: string;
  /** `#rrggbb` */
  color?: string;
  webSite?: string;
}

export interface Tenant {
  id: string;
  name: string;
  /** The issuer of every token of the tenant. */
  issuer: string;
  /** Whether it is the first one, whose administrators manage the others. */
  home: boolean;
  enabled: boolean;
  /** The Host headers that pick it, exactly. */
  hosts: string[];
  branding: Branding;
  /** Changes with everything that a running provider must know of. */
  version: number;
  createdAt: number;
  updatedAt: number;
}
