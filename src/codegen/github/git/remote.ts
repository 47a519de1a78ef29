import { getRemoteInfo2 } from 'isomorphic-git';
import type { GitHttp } from './http.js';
import { shownText } from '../../../kernel/shown-text.js';
import { demultiplex, FLUSH, packet, PacketReader } from './pkt-line.js';
import { GitProblem } from './problem.js';

/** A branch of a Git server: what it is, a pack of it, and a push to it. */

const AGENT = 'agent=gatehouse';
const NONE = '0'.repeat(40);
const OBJECT_ID = /^[0-9a-f]{40}$/;

export interface Remote {
  http: GitHttp;
  /** Without a slash at its end. */
  url: string;
  /** `refs/heads/main` */
  ref: string;
}

interface Head {
  /** The commit; null where there is no such branch. */
  oid: string | null;
  capabilities: ReadonlySet<string>;
}

/** Asks for the branch, as it is now. @throws GitProblem */
async function headOf({ http, url, ref }: Remote, forPush: boolean): Promise<Head> {
  const info = await getRemoteInfo2({ http, url, forPush, protocolVersion: 1 }).catch((error: unknown) => {
    throw error instanceof GitProblem
      ? error
      : new GitProblem('answer', 'the server does not answer as a Git server does; correct remoteUrl');
  });
  const oid = info.refs?.find((each) => each.ref === ref)?.oid ?? null;
  if (oid !== null && !OBJECT_ID.test(oid))
    throw new GitProblem('answer', 'the repository does not use SHA-1 object ids; use one that does');
  return { oid: oid === NONE ? null : oid, capabilities: new Set(Object.keys(info.capabilities)) };
}

/** Posts a request of a service, and reads its answer. */
async function post({ http, url }: Remote, service: string, body: Buffer): Promise<PacketReader> {
  const { body: answer = [] } = await http.request({
    url: `${url}/${service}`,
    method: 'POST',
    headers: {
      'content-type': `application/x-${service}-request`,
      accept: `application/x-${service}-result`,
    },
    body: [body] as unknown as AsyncIterableIterator<Uint8Array>,
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of answer as AsyncIterable<Uint8Array>) pieces.push(piece);
  return new PacketReader(Buffer.concat(pieces));
}

export interface Fetched {
  head: string | null;
  /** The commits of the branch with their trees, and their files where the server sends them all the same. */
  pack?: Buffer;
}

/**
 * Reads the newest commits of a branch. Files are left out where the server can do so.
 * @param depth how many commits, counted from the newest.
 * @throws GitProblem
 */
export async function fetchBranch(remote: Remote, depth: number): Promise<Fetched> {
  const { oid, capabilities } = await headOf(remote, false);
  if (oid === null) return { head: null };
  const asked = ['side-band-64k', 'ofs-delta', 'no-progress', 'filter'].filter((each) =>
    capabilities.has(each),
  );
  if (!asked.includes('side-band-64k'))
    throw new GitProblem('answer', 'the Git server is too old: it does not have side-band-64k');
  const isShallow = capabilities.has('shallow');
  const reader = await post(
    remote,
    'git-upload-pack',
    Buffer.concat([
      packet(`want ${oid} ${[...asked, AGENT].join(' ')}\n`),
      ...(isShallow ? [packet(`deepen ${depth}\n`)] : []),
      ...(asked.includes('filter') ? [packet('filter blob:none\n')] : []),
      FLUSH,
      packet('done\n'),
    ]),
  );
  // The commits whose parents are left out come first, up to a flush.
  if (isShallow) while (reader.nextLine() !== null);
  if (reader.nextLine() !== 'NAK')
    throw new GitProblem('answer', 'the Git server does not send the branch that it has named');
  return { head: oid, pack: demultiplex(reader).data };
}

export interface Pushed {
  /** `moved`: the branch was not what it was when it was fetched. */
  outcome: 'pushed' | 'moved';
  messages: string;
}

/**
 * Sets the branch to a commit, if it is still at `from`: the server compares them.
 * @throws GitProblem where the server refuses it
 */
export async function pushBranch(
  remote: Remote,
  { from, to, pack }: { from: string | null; to: string; pack: Buffer },
): Promise<Pushed> {
  const { oid, capabilities } = await headOf(remote, true);
  if (oid !== from) return { outcome: 'moved', messages: '' };
  const asked = ['report-status', 'side-band-64k'].filter((each) => capabilities.has(each));
  if (!asked.includes('report-status'))
    throw new GitProblem('answer', 'the Git server does not say whether a push went well');
  const command = packet(`${from ?? NONE} ${to} ${remote.ref}\0${[...asked, AGENT].join(' ')}`);
  const reader = await post(remote, 'git-receive-pack', Buffer.concat([command, FLUSH, pack]));
  const { data, messages } = asked.includes('side-band-64k')
    ? demultiplex(reader)
    : { data: undefined, messages: '' };
  const refusal = refusalIn(data ? new PacketReader(data) : reader, remote.ref);
  if (refusal === undefined) return { outcome: 'pushed', messages };
  // Servers say in words of their own that somebody else was faster.
  if ((await headOf(remote, true)).oid !== from) return { outcome: 'moved', messages };
  throw new GitProblem('rejected', `the Git server refuses the push: ${refusal}`);
}

/** Why a push was refused, in the server's words; undefined where it was not. @throws GitProblem */
function refusalIn(report: PacketReader, ref: string): string | undefined {
  let isSet = false;
  while (!report.atEnd) {
    const line = report.nextLine();
    if (line === null) break;
    if (line.startsWith('unpack ') && line !== 'unpack ok') return shownText(line);
    if (line.startsWith('ng ')) return shownText(line.slice(3));
    isSet ||= line === `ok ${ref}`;
  }
  return isSet ? undefined : 'it does not say why';
}
