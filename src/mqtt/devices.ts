import type { Config } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import type { Soon } from '../kernel/soon.js';
import type { LiveToken } from '../oidc/index.js';
import type { Store, Value } from '../store/index.js';
import { othersNameFinder } from '../users/index.js';
import { decide, ruleFinder, type Rule } from './acl.js';
import type { Guesses, Seen } from './guesses.js';
import { keyOf } from './names.js';
import type { DevicePasswords, KeptPassword } from './passwords.js';
import {
  namesOfClaim,
  rulesOfClaim,
  type AccessTokens,
  type Given,
  type GivenNames,
  type TokenSignIns,
} from './tokens.js';
import type { PasswordSignIns } from './password-sign-ins.js';
import type { Names } from './topics.js';

/** Somebody who signs in at a broker. */
export interface Guest extends Names {
  password: string;
  /** The device's own address; empty where the broker does not tell it. */
  address: string;
}

/** `ignore` leaves it to whatever the broker asks next. */
export type Result = 'allow' | 'deny' | 'ignore';

export interface Admission {
  result: Result;
  superuser: boolean;
  /** When the sign-in ends, in epoch milliseconds. */
  expiresAt?: number;
  /** What the token itself allows. */
  rules?: Rule[];
  /** For the log. */
  reason?:
    'unknown' | 'wrong_password' | 'locked' | 'disabled' | 'expired' | 'token' | 'client_id_taken' | 'name';
}

/** What brokers ask about devices, while these wait. Every look goes to the store: a change counts at once on every node. */
export interface Devices {
  signIn(tenantId: string, guest: Guest, tokens: AccessTokens): Promise<Admission>;
  /**
   * Whether one that has signed in may publish to a topic, or subscribe to a filter. Rules alone let nobody do anything: a pair
   * of names with neither a device nor a kept sign-in is denied, unless the configuration leaves unknown names to others.
   */
  mayUse(
    tenantId: string,
    names: Names,
    action: 'pub' | 'sub',
    topic: string,
    tokens: AccessTokens,
  ): Promise<Result>;
  /** Whether one that has signed in is still welcome, and whether everything is allowed to it. */
  standing(
    tenantId: string,
    names: Names,
    tokens: AccessTokens,
  ): Promise<Pick<Admission, 'result' | 'superuser'>>;
}

/** A row of the tables, as signing in needs it. */
interface Device extends KeptPassword, Seen {
  superuser: boolean;
  enabled: boolean;
  expiresAt: number;
  /** Epoch milliseconds. */
  createdAt: number;
}

const COLUMNS =
  'kind, name, algorithm, salt, password_hash, is_superuser, enabled, expires_at, seen_address, seen_at, created_at';

type Columns = [
  kind: string,
  key: string,
  algorithm: string,
  salt: string,
  passwordHash: string,
  superuser: Value,
  enabled: Value,
  expiresAt: Value,
  seenAddress: string | null,
  seenAt: Value,
  createdAt: Value,
];

const toDevice = (columns: Value[]): Device => {
  const [kind, key, algorithm, salt, passwordHash, superuser, enabled, expiresAt, ...times] =
    columns as Columns;
  const [seenAddress, seenAt, createdAt] = times;
  return {
    kind,
    key,
    algorithm,
    salt,
    passwordHash,
    superuser: Boolean(superuser),
    enabled: Boolean(enabled),
    expiresAt: Number(expiresAt ?? Infinity),
    seenAddress,
    seenAt: Number(seenAt),
    createdAt: Number(createdAt),
  };
};

const admissionOf = (devices: readonly Device[]): Admission => {
  const expiresAt = Math.min(...devices.map((device) => device.expiresAt));
  const superuser = devices.some((device) => device.superuser);
  return { result: 'allow', superuser, ...(expiresAt < Infinity && { expiresAt }) };
};

/** Where the broker does not tell the address, guesses of one client identifier are taken together. */
const whereFrom = ({ address, clientid }: Guest): string => address || `client:${keyOf(clientid)}`;

/** How far the clocks of two nodes may be apart. */
const CLOCKS_MS = 3600 * 1000;

const JWT = /^[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}$/;
const LONGEST_TOKEN = 16 * 1024;

/** A token that is used under the user's name: once the user has another one, it is not good under this one. */
const underUserName = (token: LiveToken, userName: string): LiveToken => ({
  ...token,
  dependencies: { ...token.dependencies, user_name: userName },
});

export interface DevicesBase {
  store: Store;
  config: Config;
  guesses: Guesses;
  passwords: DevicePasswords;
  tokens: TokenSignIns;
  passwordSignIns: PasswordSignIns;
}

export function openDevices({
  store,
  config,
  guesses,
  passwords,
  tokens: signIns,
  passwordSignIns,
}: DevicesBase): Devices {
  const { audience, unknown, noMatch } = config.mqtt;
  /** So long after a device was made, tokens that signed in under its names before may still last. */
  const tokensLastMs = config.lifetimes.accessTokenLongest * 1000 + CLOCKS_MS;
  const of = (kind: string): string =>
    `SELECT ${COLUMNS} FROM mqtt_credentials WHERE tenant_id = ? AND kind = '${kind}' AND name = ?`;
  const select = store.prepare(`${of('username')} UNION ALL ${of('clientid')}`);
  const kept = store.prepare(
    `SELECT
       EXISTS (SELECT 1 FROM mqtt_credentials WHERE tenant_id = ? AND kind IN ('username', 'clientid') AND name = ?) AS credential,
       EXISTS (SELECT 1 FROM mqtt_acl WHERE tenant_id = ? AND kind = 'clientid' AND name = ?) AS rules`,
  );
  const upgrade = store.prepare(
    `UPDATE mqtt_credentials SET algorithm = ?, salt = ?, password_hash = ?
     WHERE tenant_id = ? AND kind = ? AND name = ? AND password_hash = ?`,
  );
  const rulesOf = ruleFinder(store);
  const isOthersName = othersNameFinder(store);

  const find = async (tenantId: string, { username, clientid }: Names): Promise<Device[]> =>
    (await select.together(tenantId, keyOf(username), tenantId, keyOf(clientid))).map(toDevice);

  /** Why a device that is known may not come in, whatever its password. */
  const barred = (devices: readonly Device[]): 'disabled' | 'expired' | undefined =>
    devices.some(({ enabled }) => !enabled)
      ? 'disabled'
      : devices.some(({ expiresAt }) => expiresAt <= Date.now())
        ? 'expired'
        : undefined;

  /** Keeps what was kept in an older way as new passwords are. */
  async function upgradeHash(tenantId: string, device: Device, password: string): Promise<void> {
    try {
      const { algorithm, salt, passwordHash } = await passwords.keep(password);
      const { kind, key, passwordHash: before } = device;
      await upgrade.run(algorithm, salt, passwordHash, tenantId, kind, key, before);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error; // too long for the newer way: it stays as it is
    }
  }

  /**
   * Whose a client identifier is: a device's of the tables or one's that signed in with its password a while ago, or that of
   * those for whom the tables have rules.
   */
  async function holderOf(tenantId: string, clientid: string): Promise<'device' | 'rules' | undefined> {
    if (clientid === '') return undefined;
    if (await passwordSignIns.has(tenantId, clientid)) return 'device';
    const key = keyOf(clientid);
    const [[credential, rules] = []] = await kept.together(tenantId, key, tenantId, key);
    return credential ? 'device' : rules ? 'rules' : undefined;
  }

  /** Notes the client identifier of a sign-in with a password, unless it is in the tables: then every node finds it there. */
  function noteSignIn(tenantId: string, { username, clientid }: Guest, devices: readonly Device[]): void {
    if (clientid === '' || clientid === username || devices.some(({ kind }) => kind === 'clientid')) return;
    passwordSignIns.add(tenantId, clientid);
  }

  /** A token in place of the password, for names that the tables do not know: they must be the token's own. */
  async function signInByToken(tenantId: string, guest: Guest, tokens: AccessTokens): Promise<Admission> {
    const refused: Admission = { result: 'deny', superuser: false, reason: 'token' };
    const token = guest.password.length <= LONGEST_TOKEN ? await tokens.read(guest.password) : undefined;
    if (!token || token.audience !== audience) return refused;
    let given: GivenNames;
    let rules: Rule[];
    try {
      given = namesOfClaim(token.claims['mqtt']);
      rules = rulesOfClaim(token.claims['acl']);
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      return refused;
    }
    const { username, clientid } = guest;
    const names = [token.name, ...given.names];
    const clientids = [...names, ...given.clientids];
    const called = username || clientid;
    const lasting = (username === '' ? clientids : names).includes(called);
    if (!lasting && called !== token.userName) return refused;
    const taken: Admission = { ...refused, reason: 'client_id_taken' };
    const holder = await holderOf(tenantId, clientid);
    if (holder === 'device') return taken;
    const byUserName = clientid === token.userName && !clientids.includes(clientid);
    const ownsClientId = byUserName || clientids.includes(clientid);
    if (holder === 'rules' && !ownsClientId) return taken;
    const mayBeOthers = clientid !== '' && !ownsClientId;
    if (mayBeOthers && (await isOthersName(tenantId, clientid, token.dependencies.sub))) return taken;
    const used = lasting && !byUserName ? token : underUserName(token, byUserName ? clientid : called);
    if (!(await signIns.keep(tenantId, guest, used, { rules, ownsClientId }, tokens))) return taken;
    return { result: 'allow', superuser: false, expiresAt: token.expiresAt, rules };
  }

  /**
   * What a pair of names has that has signed in. One that came by a token before a device got one of the names is not that
   * device, and is denied, also when the token has been revoked: its next sign-in needs the device's password. An expired one
   * says nothing of a device, because a sign-in with its password forgets only those that can still last.
   */
  async function standingOf(
    tenantId: string,
    names: Names,
    tokens: AccessTokens,
  ): Promise<{ devices: Device[]; ofToken?: Given; denied: boolean }> {
    const devices = await find(tenantId, names);
    const ofToken = await signIns.find(tenantId, names, tokens);
    if (devices.length > 0)
      return {
        devices,
        denied: barred(devices) !== undefined || (ofToken !== undefined && ofToken !== 'expired'),
      };
    return typeof ofToken === 'object'
      ? { devices, ofToken, denied: false }
      : { devices, denied: ofToken !== undefined };
  }

  /**
   * A pair of names is a device's from its sign-in with the password on, whatever token signed in under it before: none has
   * since there is a device with one of the names.
   */
  function forgetTokens(tenantId: string, guest: Guest, devices: readonly Device[]): Soon<void> {
    const since = Math.min(...devices.map(({ createdAt }) => createdAt));
    return since + tokensLastMs > Date.now() ? signIns.forget(tenantId, guest, since) : undefined;
  }

  /** Somebody whom the tables do not know. */
  async function signInUnknown(tenantId: string, guest: Guest, tokens: AccessTokens): Promise<Admission> {
    if (JWT.test(guest.password)) return signInByToken(tenantId, guest, tokens);
    await passwords.matches(await passwords.nobody, guest.password);
    // Counted like a wrong password, so that time does not tell the one from the other.
    const nobody = {
      kind: 'unknown',
      key: keyOf(guest.username || guest.clientid),
      seenAddress: null,
      seenAt: 0,
    };
    if (unknown === 'deny') await guesses.settle(tenantId, nobody, whereFrom(guest), true);
    return { result: unknown, superuser: false, reason: 'unknown' };
  }

  return {
    async signIn(tenantId, guest, tokens) {
      const devices = await find(tenantId, guest);
      const [first] = devices;
      if (!first) return signInUnknown(tenantId, guest, tokens);
      // Who gives a name that is in a table must know its password, even where he gives two.
      let right = guest.password !== '';
      for (const device of devices) {
        const matches = passwords.matches(device, guest.password);
        if (!(typeof matches === 'boolean' ? matches : await matches)) right = false;
      }
      const settled = guesses.settle(tenantId, first, whereFrom(guest), !right);
      const locked = typeof settled === 'boolean' ? settled : await settled;
      const reason = locked ? 'locked' : right ? barred(devices) : 'wrong_password';
      if (reason !== undefined) return { result: 'deny', superuser: false, reason };
      const outdated = devices.filter((device) => passwords.outdated(device));
      for (const device of outdated) await upgradeHash(tenantId, device, guest.password);
      const forgetting = forgetTokens(tenantId, guest, devices);
      if (forgetting) await forgetting;
      noteSignIn(tenantId, guest, devices);
      return admissionOf(devices);
    },

    async mayUse(tenantId, names, action, topic, tokens) {
      const { devices, ofToken, denied } = await standingOf(tenantId, names, tokens);
      if (denied || (unknown === 'deny' && devices.length === 0 && !ofToken)) return 'deny';
      if (devices.some(({ superuser }) => superuser)) return 'allow';
      const kept = await rulesOf(tenantId, names, ofToken?.ownsClientId ?? true);
      return decide([...(ofToken?.rules ?? []), ...kept], names, action, topic) ?? noMatch;
    },

    async standing(tenantId, names, tokens) {
      const { devices, ofToken, denied } = await standingOf(tenantId, names, tokens);
      if (denied) return { result: 'deny', superuser: false };
      const known = devices.length > 0 || ofToken !== undefined;
      return { result: known ? 'allow' : unknown, superuser: devices.some(({ superuser }) => superuser) };
    },
  };
}
