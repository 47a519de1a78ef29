/** What every scope has, the provider's own and the APIs'. */
export interface Scope {
  name: string;
  displayName: string | null;
  description: string | null;
  required: boolean;
  /** Whether the consent page sets it off. */
  emphasize: boolean;
  showInDiscovery: boolean;
}

/** A scope of the provider itself, and the claims that it opens (OIDC Core 5.4). */
export interface IdentityResource extends Scope {
  userClaims: string[];
}

const resource = (
  name: string,
  displayName: string,
  userClaims: string[],
  more: Partial<IdentityResource> = {},
): IdentityResource => ({
  name,
  displayName,
  description: null,
  required: false,
  emphasize: false,
  showInDiscovery: true,
  userClaims,
  ...more,
});

/** What each tenant begins with. */
export const SEEDED_IDENTITY_RESOURCES: readonly IdentityResource[] = [
  resource('openid', 'Your user identifier', ['sub'], { required: true }),
  resource('profile', 'User profile', [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ]),
  resource('email', 'Your e-mail address', ['email', 'email_verified'], { emphasize: true }),
  resource('phone', 'Your phone number', ['phone_number', 'phone_number_verified'], { emphasize: true }),
  resource('address', 'Your postal address', ['address'], { emphasize: true }),
  resource('role', 'Your roles', ['role']),
  resource('permission', 'Your permissions', ['permission']),
  resource('offline_access', 'Access while you are away', [], { emphasize: true }),
];
