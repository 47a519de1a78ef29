import type { TenantDb } from '../store/index.js';
import { confinedTo, holds, isManagementWord, type Actor } from './access.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

/** Something that confined callers can neither switch on nor extend, and what they can do instead. */
export interface Trusted {
  setting: string;
  instead: string;
}

/** What makes a thing that is trusted reach further: a word more, or a higher number. */
export interface Width {
  words: readonly string[];
  most: Readonly<Record<string, number>>;
}

/** What a role, a user, a client, an API or a registration token gives to those who have it or act as it. */
export interface Held {
  scopes?: readonly string[];
  permissions?: readonly string[];
  /** Names of the APIs whose tokens it may introspect. */
  apis?: readonly string[];
  trusted?: readonly Trusted[];
  /** How far it reaches, where it is trusted: words, and numbers that limit it, by names. */
  width?: Width;
  /** What only administrators set, with its value. */
  administrators?: readonly string[];
  /** Whether it is switched off, so that it gives nothing of all this. */
  disabled?: boolean;
  /** The `userKey` of the user whose it is. */
  owner?: string | null;
  /** Whether those who have it see only their own things. */
  confines?: boolean;
  /** The `userKey` of the person that it is. */
  person?: string;
  /** Whether clients, APIs, roles or registration tokens belong to that person. */
  owns?: boolean;
  /** Claims by which MQTT credentials get names and topics. */
  mqttClaims?: readonly string[];
  /** The names that its tokens carry and for which MQTT keeps credentials or rules. */
  deviceNames?: readonly string[];
  /** The names of its roles that hold no word of a business API, so that no API tells whose they are. */
  roles?: readonly string[];
  /** What a role is: `shared` where its words do not say whose it is. Those who have it need not be confined like its owner. */
  role?: { name: string; owner: string | null; shared: boolean };
}

/** What the things hold that an operation is about, by a key that tells the things apart. */
export type Holdings = ReadonlyMap<string, Held>;

/** Why a writing operation changes nothing that holds permissions or scopes. */
export interface Untouched {
  readonly untouched: string;
  /**
   * Why callers who are confined to their own things may call it. Without it they are refused: what it changes is the
   * tenant's, and nobody's in particular.
   */
  readonly confined?: string;
}

/**
 * What an operation is about, as far as it holds permissions or scopes. The kernel reads it in the transaction before the
 * handler (without an answer) and after it, and checks that the caller holds all of both.
 */
export type Authority<C, A> = ((call: C, answer?: A) => Promise<Holdings>) | Untouched;

/** Refuses confined callers what is the tenant's, before anything is done and again in the transaction. @throws Failure: 403 */
export function refuseConfined(
  authority: Authority<never, never> | undefined,
  actor: Actor | undefined,
): void {
  if (authority === undefined || typeof authority === 'function' || authority.confined !== undefined) return;
  if (confinedTo(actor) === undefined) return;
  throw new Failure(403, BASIC.forbidden, {
    message: 'this belongs to the whole tenant, and you change your own things only; ask an administrator',
    data: { missing: 'permission', name: 'isms.all' },
  });
}

/** What a call tells of the one thing that it is about. */
interface OneCall {
  db: TenantDb;
  actor: Actor | undefined;
  params: unknown;
  body: unknown;
}

const idIn = (value: unknown): string | undefined => (value as { id?: string } | undefined)?.id;

/** The authority of an operation about one thing, which the call names, or the answer once the thing is made. */
export const aboutOne =
  (held: (call: OneCall, id: string) => Promise<Held>) =>
  async (call: OneCall, answer?: unknown): Promise<Holdings> => {
    const id = idIn(call.params) ?? idIn(call.body) ?? idIn(answer);
    return new Map(id === undefined ? [] : [[id, await held(call, id)]]);
  };

/** What belongs to a confined caller, of the tenant's APIs. */
export interface OwnApis {
  hasApi(name: string): boolean;
  hasScope(scope: string): boolean;
  hasPermission(permission: string): boolean;
}

/** What a confined caller may give to others. */
export interface Own extends OwnApis {
  hasRole(name: string): boolean;
  ownsRole(name: string): boolean;
}

/** Decides whether a caller may turn things that hold the one into things that hold the other. @throws Failure: 403 */
export type Judge = (before: Holdings, after: Holdings) => Promise<void>;

const NOTHING: Held = {};

/**
 * The one decision about authority: to change a thing, callers must hold every management word that it holds now and
 * would hold afterwards. Confined callers, in addition, give only what is their own.
 * @param ownOf read once, when a confined caller needs it.
 */
export function judgeOf(actor: Actor | undefined, ownOf: (owner: string) => Promise<Own>): Judge {
  let own: Promise<Own> | undefined;
  return async (before, after) => {
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const [had, is] = [before.get(key) ?? NOTHING, after.get(key) ?? NOTHING];
      const words = managementWordsOf(had, is);
      const beyond = words.find((word) => !(actor && holds(actor, word)));
      if (beyond !== undefined) throw lacks(beyond);
      const owner = confinedTo(actor);
      if (owner === undefined) continue;
      const was = isSwitchedOn(had, is) ? switchedOff(had) : had;
      refuseOther(owner, was, is);
      for (const thing of [was, is]) refuseUnconfined(owner, thing);
      refuseRole(owner, was, is);
      refuseRelease(was, is);
      refuseDevices(owner, was, is);
      refuseTrusted(was, is);
      refuseAdministrators({ had, was, is });
      refuseForeign(await (own ??= ownOf(owner)), owner, was, is);
    }
  };
}

const isSwitchedOn = (had: Held, is: Held): boolean =>
  had.disabled === true && is !== NOTHING && is.disabled !== true;

/** What is switched off gives nothing: to switch it on is to give all that it holds. Whose it is, stays. */
const switchedOff = ({ owner = null }: Held): Held => ({ owner });

const managementWordsOf = (...things: readonly Held[]): string[] =>
  things.flatMap(({ scopes = [], permissions = [] }) => [...scopes, ...permissions]).filter(isManagementWord);

const lacks = (word: string): Failure =>
  new Failure(403, BASIC.forbidden, {
    message: `you need "${word}" yourself to give it, or to change what holds it`,
    data: { missing: 'permission', name: word },
  });

/**
 * Those who sign in as a person who owns something have it: of another developer, of one who was a developer before, and of a
 * new user with the key of one who was erased. New developers own nothing yet.
 */
function refuseOther(owner: string, was: Held, is: Held): void {
  const { person = is.person } = was;
  if (person === undefined || person === owner) return;
  if (!was.confines && !was.owns && !is.owns) return;
  throw new Failure(403, BASIC.forbidden, {
    message:
      'clients, APIs, roles or registration tokens belong to this userKey, or the user is a developer; ask an administrator (in an import, leave the userKey out)',
    data: { missing: 'owner', name: person },
  });
}

/** Those who act as such a thing would see all of the tenant's, and not only the caller's own things. */
function refuseUnconfined(owner: string, thing: Held): void {
  const [word] = managementWordsOf(thing);
  if (word === undefined || thing.confines || thing.owner === owner) return;
  throw new Failure(403, BASIC.forbidden, {
    message: `"${word}" reaches beyond your own things here; ask an administrator`,
    data: { missing: 'permission', name: 'isms.all' },
  });
}

/** Those whom nothing confines any more see all of the tenant's, and so do the clients that they have made. */
function refuseRelease(was: Held, is: Held): void {
  if (!was.confines || is === NOTHING || is.confines) return;
  throw new Failure(403, BASIC.forbidden, {
    message: 'what confines a developer is for administrators to take away; leave the role, or ask one',
    data: { missing: 'permission', name: 'isms.all' },
  });
}

/**
 * A role is its owner's, whatever words it has by now. One without an owner is a developer's as far as it holds words of the
 * developer's APIs, and else the tenant's. A new one needs such a word.
 */
function refuseRole(owner: string, was: Held, is: Held): void {
  for (const { role } of [was, is]) {
    if (role === undefined) continue;
    if (role.owner !== null && role.owner !== owner)
      throw new Failure(403, BASIC.forbidden, {
        message: `the role "${role.name}" is another user’s; ask its owner or an administrator to change it, or make a role of your own`,
        data: { missing: 'owner', name: role.name },
      });
    if (role.shared && (role.owner === null || was === NOTHING)) throw wholeTenants(role.name);
  }
}

const wholeTenants = (role: string): Failure =>
  new Failure(403, BASIC.forbidden, {
    message: `the role "${role}" is the whole tenant’s, because it is built in or holds no permission of an API; give a role a permission of your API, or ask an administrator`,
    data: { missing: 'permission', name: 'isms.all' },
  });

/**
 * Names and topics of MQTT belong to no API. Of the caller's own user, of clients, and of roles, only what is added counts.
 * A name for which MQTT keeps something is worth as much as a claim that gives the name.
 */
function refuseDevices(owner: string, was: Held, is: Held): void {
  const another = was.person !== undefined && was.person !== owner;
  const given = (field: 'mqttClaims' | 'deviceNames'): string[] =>
    another ? [...(was[field] ?? []), ...(is[field] ?? [])] : more(is[field], was[field]);
  const [claim] = given('mqttClaims');
  const [name] = given('deviceNames');
  if (claim === undefined && name === undefined) return;
  throw new Failure(403, BASIC.forbidden, {
    message:
      claim === undefined
        ? `MQTT keeps a credential or rules for the name "${name}"; choose another name, or ask an administrator`
        : 'claims of the types "acl" and "mqtt" give rights over devices; ask an administrator to give them',
    data: { missing: 'permission', name: 'isms.all' },
  });
}

const more = (is: readonly string[] = [], was: readonly string[] = []): string[] =>
  is.filter((each) => !was.includes(each));

/** By what the one reaches further than the other. */
export const widenedBy = ({ width: was }: Held, { width: is }: Held): string[] => [
  ...more(is?.words, was?.words),
  ...Object.entries(is?.most ?? {}).flatMap(([name, most]) =>
    most > (was?.most[name] ?? most) ? [name] : [],
  ),
];

/** What an administrator has trusted stays within what it was trusted for. */
function refuseTrusted(was: Held, is: Held): void {
  const known = (was.trusted ?? []).map(({ setting }) => setting);
  const added = is.trusted?.find(({ setting }) => !known.includes(setting));
  if (added)
    throw new Failure(403, BASIC.forbidden, {
      message: `"${added.setting}" is for administrators, and so is enabling what has it; ${added.instead}`,
      data: { missing: 'permission', name: added.setting },
    });
  const [first] = known;
  const [wider] = widenedBy(was, is);
  if (first !== undefined && wider !== undefined)
    throw new Failure(403, BASIC.forbidden, {
      message: `"${wider}" widens a client that has "${first}"; ask an administrator to set it`,
      data: { missing: 'permission', name: first },
    });
}

/** What an administrator has set stays, however much it is, and counts again in what is switched on. */
function refuseAdministrators({ had, was, is }: { had: Held; was: Held; is: Held }): void {
  if (is === NOTHING) return;
  const [set] = [
    ...more(is.administrators, was.administrators),
    ...more(had.administrators, is.administrators),
  ];
  if (set === undefined) return;
  throw new Failure(403, BASIC.forbidden, {
    message: `"${set}" is for administrators to set, to change and to take away; leave it out, or ask one`,
    data: { missing: 'permission', name: set },
  });
}

/** A word without a dot is a scope about a person; every scope of an API begins with the API's name and a dot. */
const isIdentityScope = (scope: string): boolean => !scope.includes('.');

/**
 * What others own is theirs to give. Of the caller's own things, and of the caller, only what is added counts: others may have
 * given the rest.
 */
function refuseForeign(own: Own, owner: string, was: Held, is: Held): void {
  const owned = [was, is].every(
    (thing) =>
      thing === NOTHING || thing.owner === owner || thing.person === owner || thing.role?.owner === owner,
  );
  const given = (field: 'scopes' | 'permissions' | 'apis' | 'roles'): string[] =>
    owned ? more(is[field], was[field]) : [...(was[field] ?? []), ...(is[field] ?? [])];
  // What the caller has just got is not for the caller to give.
  const role = given('roles').find((name) => !own.ownsRole(name) && (owned || !own.hasRole(name)));
  if (role !== undefined)
    throw new Failure(403, BASIC.forbidden, {
      message: `you do not have the role "${role}", and it holds no permission of an API of yours; ask an administrator to give it, or to change who has it`,
      data: { missing: 'role', name: role },
    });
  const foreign =
    given('scopes').find(
      (scope) => !isIdentityScope(scope) && !isManagementWord(scope) && !own.hasScope(scope),
    ) ??
    given('permissions').find((word) => !isManagementWord(word) && !own.hasPermission(word)) ??
    given('apis').find((name) => !own.hasApi(name));
  if (foreign !== undefined)
    throw new Failure(403, BASIC.forbidden, {
      message: `"${foreign}" belongs to no API of yours; ask an administrator to give it`,
      data: { missing: 'owner', name: foreign },
    });
}
