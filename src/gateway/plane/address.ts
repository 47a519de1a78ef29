import type { IncomingMessage } from 'node:http';
import type { LiveApi, LiveRevision, LiveVersion } from '../types.js';
import { valuesOf, without } from './query.js';

/** What all addresses of the data plane begin with. */
export const PREFIX = '/gateway/';

/** The longest target that is taken, in bytes. */
const LONGEST_TARGET = 8192;

/** A target of the data plane, taken apart as far as that needs no API. All parts are as they were sent. */
export interface Target {
  suffix: string;
  /** What stands behind `;rev=` at the suffix. */
  revision: string | undefined;
  /** What is behind the suffix: empty, or beginning with `/`. */
  rest: string;
  /** Without `?`; undefined where there is none. */
  query: string | undefined;
}

/** Where a target leads in an API. */
export interface Place {
  version: LiveVersion;
  revision: LiveRevision;
  /** Behind the API's address: empty, or beginning with `/`. */
  path: string;
  query: string | undefined;
}

const REV = ';rev=';

/** A segment and what stands behind its `;rev=`, if anything does. */
function splitRevision(segment: string): [name: string, revision: string | undefined] {
  const at = segment.indexOf(REV);
  return at === -1 ? [segment, undefined] : [segment.slice(0, at), segment.slice(at + REV.length)];
}

/** Takes a request's target apart; undefined where it is none of the data plane, or too long. */
export function readTarget(url: string): Target | undefined {
  if (!url.startsWith(PREFIX) || url.length > LONGEST_TARGET) return undefined;
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const slash = path.indexOf('/', PREFIX.length);
  const [suffix, revision] = splitRevision(path.slice(PREFIX.length, slash === -1 ? undefined : slash));
  return {
    suffix,
    revision,
    rest: slash === -1 ? '' : path.slice(slash),
    query: mark === -1 ? undefined : url.slice(mark + 1),
  };
}

const NUMBER = /^[1-9][0-9]{0,8}$/;

function revisionOf(version: LiveVersion, text: string | undefined): LiveRevision | undefined {
  if (text === undefined) return version.current;
  return NUMBER.test(text) ? version.revisions.get(Number(text)) : undefined;
}

/** The version that a header or a query parameter names: the first one where it is absent or empty. */
function versionNamed(api: LiveApi, names: readonly string[]): LiveVersion | undefined {
  const named = names.filter((name) => name !== '');
  return named.length > 1 ? undefined : api.versions.get(named[0] ?? '');
}

/**
 * Finds the version and the revision of a target; undefined where there is none, or it is not online. `;rev=N` stands behind the
 * suffix or behind the version's name. Anywhere else it is part of the path.
 */
export function placeOf(
  api: LiveApi,
  { revision: asked, rest, query }: Target,
  headers: IncomingMessage['headers'],
): Place | undefined {
  const { scheme } = api;
  let version: LiveVersion | undefined;
  let [text, path, left] = [asked, rest, query];
  if (scheme.in === 'header') {
    version = versionNamed(api, [headers[scheme.name.toLowerCase()] ?? []].flat());
  } else if (scheme.in === 'query') {
    version = versionNamed(api, valuesOf(query, scheme.name));
    left = without(query, scheme.name);
  } else {
    version = api.versions.get('');
    const end = rest.indexOf('/', 1);
    const [name, revision] = splitRevision(rest.slice(1, end === -1 ? undefined : end));
    const named = name === '' ? undefined : api.versions.get(name);
    // Behind `;rev=` at the suffix there is only path: it names a revision of the first version.
    if (named && asked === undefined) {
      [version, text] = [named, revision];
      path = end === -1 ? '' : rest.slice(end);
    }
  }
  const revision = version && revisionOf(version, text);
  return version && revision && { version, revision, path, query: left };
}
