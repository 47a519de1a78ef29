/** The grants that a client can have, by the names that the command line and the documentation give them. */
export const GRANT_TYPES = {
  code: 'authorization_code',
  refresh: 'refresh_token',
  clientCredentials: 'client_credentials',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
  password: 'password',
  mobileCode: 'urn:gatehouse:grant:mobile_code',
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const;
