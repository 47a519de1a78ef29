/** The two tables of credentials (EMQX 4): by user name, and by client identifier. */
export const KINDS = ['username', 'clientid'] as const;
export type Kind = (typeof KINDS)[number];

/** Files of devices. */
export const FORMATS = ['csv', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/**
 * What an app may do.
 * - `read`, `write`: look at credentials, change them;
 * - `mqtt.hash.read`: see the hashes of passwords;
 * - `broker`: ask whether a device may sign in, as brokers do.
 * With `write` it makes and changes other apps as well, such that have no right that it has not itself.
 */
export const RIGHTS = ['read', 'write', 'mqtt.hash.read', 'broker'] as const;
export type Right = (typeof RIGHTS)[number];

/** A program that calls with `app_id:app_secret` (RFC 7617). */
export interface MqttApp {
  appId: string;
  rights: Right[];
  enabled: boolean;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}
