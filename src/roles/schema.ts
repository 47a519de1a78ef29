import { isManagementWord } from '../api/access.js';

/** A claim as roles, users and tenants carry it; `permission` and `role` are the types that tokens know. */
export interface Claim {
  type: string;
  value: string;
}

/** The permissions among claims. */
export const permissionsIn = (claims: readonly Claim[] = []): string[] =>
  claims.filter(({ type }) => type === 'permission').map(({ value }) => value);

/** Claims that give a token names and topics of MQTT (docs/mqtt.md). */
const OF_MQTT: readonly string[] = ['acl', 'mqtt'];

/** What the claims give over devices, each as a text to compare. */
export const mqttClaimsIn = (claims: readonly Claim[] = []): string[] =>
  claims.filter(({ type }) => OF_MQTT.includes(type)).map(({ type, value }) => `${type} ${value}`);

/**
 * The roles that each tenant begins with, whatever they are called by now. The program relies on what a role is built in as,
 * and on nothing else of it: `user` is for newcomers, `developer` confines to things of one's own.
 */
export const BUILT_IN_ROLES = ['user', 'partner', 'developer', 'administrator'] as const;

export type BuiltInRole = (typeof BUILT_IN_ROLES)[number];

export interface Role {
  id: string;
  /** Null for a role that somebody has made. */
  builtIn: BuiltInRole | null;
  name: string;
  displayName: string | null;
  description: string | null;
  claims: Claim[];
  /** The `userKey` of the confined developer whose it is; null for a role of the tenant's, or of before there were owners. */
  owner: string | null;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export type NewRole = Pick<Role, 'name' | 'displayName' | 'description' | 'claims'> &
  Partial<Pick<Role, 'builtIn' | 'owner'>>;

/** Whether users who have one of these roles see only the clients and APIs of their own. */
export const confines = (roles: readonly Role[]): boolean =>
  roles.some(({ builtIn }) => builtIn === 'developer');

/**
 * Whether the words of a role do not say whose it is: of one that is built in, or that holds no word of a business API. It is
 * the whole tenant's, unless it has an owner.
 */
export const isShared = ({ builtIn, claims }: Role): boolean =>
  builtIn !== null || permissionsIn(claims).every(isManagementWord);

/** The names of these roles that not everybody has by right and whose words do not say whose they are: APIs read names, too. */
export const sharedNames = (roles: readonly Role[]): string[] =>
  roles
    .filter((role) => isShared(role) && role.builtIn !== 'user' && role.builtIn !== 'developer')
    .map(({ name }) => name);

/** What each tenant begins with. */
export const SEEDED_ROLES: readonly NewRole[] = [
  { name: 'user', builtIn: 'user', displayName: 'User', description: 'Signs in', claims: [] },
  { name: 'partner', builtIn: 'partner', displayName: 'Partner', description: 'Works with us', claims: [] },
  {
    name: 'developer',
    builtIn: 'developer',
    displayName: 'Developer',
    description: 'Builds on the APIs',
    claims: [],
  },
  {
    name: 'administrator',
    builtIn: 'administrator',
    displayName: 'Administrator',
    description: 'Manages everything in the tenant',
    claims: [{ type: 'permission', value: 'isms.all' }],
  },
];
