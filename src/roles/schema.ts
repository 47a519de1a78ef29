/** A claim as roles, users and tenants carry it; `permission` and `role` are the types that tokens know. */
export interface Claim {
  type: string;
  value: string;
}

/** The permissions among claims. */
export const permissionsIn = (claims: readonly Claim[] = []): string[] =>
  claims.filter(({ type }) => type === 'permission').map(({ value }) => value);

export interface Role {
  id: string;
  name: string;
  displayName: string | null;
  description: string | null;
  claims: Claim[];
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export type NewRole = Pick<Role, 'name' | 'displayName' | 'description' | 'claims'>;

/** What each tenant begins with. */
export const SEEDED_ROLES: readonly NewRole[] = [
  { name: 'user', displayName: 'User', description: 'Signs in', claims: [] },
  { name: 'partner', displayName: 'Partner', description: 'Works with us', claims: [] },
  { name: 'developer', displayName: 'Developer', description: 'Builds on the APIs', claims: [] },
  {
    name: 'administrator',
    displayName: 'Administrator',
    description: 'Manages everything in the tenant',
    claims: [{ type: 'permission', value: 'isms.all' }],
  },
];
