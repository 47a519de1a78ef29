import type { Run } from './io.js';

/** What APIs do that read access tokens themselves. */
const BY_KEY_SET =
  'access tokens that are JWTs, until they expire, at APIs that check them by the key set and do not introspect';

/** Of each command that ends something: what has ended, and what goes on. */
const ENDINGS = {
  'session end':
    'Ended: the sessions, and the tokens that end with them. Goes on: what was allowed to outlive a session (offline_access), unless the client has endOfflineAccessOnSignOut; "gatehouse grant end" ends it for one application, "gatehouse user password" and "gatehouse user disable" for all.',
  'grant end': `Ended: what the user allowed this application, and every token of it. Goes on: the user's sessions, other applications, and ${BY_KEY_SET}.`,
  'user password': `Ended: the password before, and every session and token of the user, offline access included. Goes on: what the user allowed applications, which get tokens again after a sign-in, and ${BY_KEY_SET}.`,
  'user disable': `Ended: sign-in, and every session and token of the user, offline access included. Goes on: ${BY_KEY_SET}.`,
  'client disable': `Ended: everything that the client may ask for, and every token that it was given. Goes on: sessions of its users, and ${BY_KEY_SET}.`,
  'client secret --replace':
    'Ended: the other secrets of the client. Goes on: tokens that the client was given; --end-tokens ends them.',
  'client secret --revoke':
    'Ended: this secret. Goes on: the other secrets, and tokens that the client was given; --end-tokens ends these.',
  'client secret --end-tokens': `Goes on: the secrets of the client, sessions of its users, and ${BY_KEY_SET}.`,
  'tenant disable': `Ended: everything that is asked of the tenant is answered with 403. Goes on: connections of devices to brokers, and ${BY_KEY_SET}.`,
  'mqtt-app disable':
    "Ended: everything that the app may ask for. Goes on: devices that are connected; a broker that asks with this app's secret gets no answer about others.",
  'mqtt-app secret': 'Ended: the secret before. Goes on: devices that are connected.',
  'registration end':
    'Goes on: clients that have registered; "gatehouse client disable" ends what they may do.',
} as const;

/**
 * Says in one line what a command has ended and what goes on. It goes to standard error: scripts read a value or a count
 * from standard output.
 */
export function sayEnding({ stderr }: Run, json: boolean, command: keyof typeof ENDINGS): void {
  if (!json) stderr.write(`${ENDINGS[command]}\n`);
}
