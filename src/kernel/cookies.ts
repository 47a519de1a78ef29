/**
 * Names of cookies, which bind them where there is https (RFC 6265bis, 4.1.3). A cookie of the whole host can then be set by
 * this host alone, and over https; one of a path by https at least. At http, which is localhost, a prefix would make
 * browsers refuse the cookie.
 */
export const hostCookie = (secure: boolean, name: string): string => (secure ? `__Host-${name}` : name);

export const pathCookie = (secure: boolean, name: string): string => (secure ? `__Secure-${name}` : name);
