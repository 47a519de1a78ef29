import { Failure } from '../../api/index.js';
import type { JobKind, RunningJob } from '../../jobs/index.js';
import type { SourceBase } from '../../gateway/index.js';
import type { Reach } from '../../kernel/private-networks.js';
import { shownText } from '../../kernel/shown-text.js';
import { CODEGEN_CODES } from '../codes.js';
import { checkDocumentSecrets } from '../document-secrets.js';
import { availableGenerator } from '../generators/index.js';
import { naming, type Origin } from '../origin.js';
import type { GithubOptions } from '../options/index.js';
import { checkPaths } from '../paths.js';
import { JOB_MILLISECONDS } from '../process/index.js';
import { withoutSecret } from '../secrets.js';
import type { Files, Generators, OpenApi } from '../types.js';
import {
  GitProblem,
  openRepository,
  type CommitOrder,
  type Folders,
  type OpenRepository,
} from './git/index.js';
import { referenceOf, tagsOf } from './reference/index.js';
import { GithubProblem, makeLabels, makeRelease, openGithub, releaseTag } from './rest/index.js';

export const SYNC_GITHUB = 'syncGithub';

/** The steps of a synchronization in their order, each with the percentage at which it begins. */
export const SYNC_STEPS = {
  read: 0,
  generate: 10,
  clone: 40,
  write: 60,
  push: 70,
  labels: 85,
  release: 95,
} as const;

/** What a synchronization is about; all of it is read when its turn has come. */
export type SyncInput = Readonly<Record<string, never>>;

export interface SyncResult extends Readonly<Record<string, unknown>> {
  branch: string;
  /** The head of the branch, which is an older one where nothing has changed. */
  commit: string;
  /** How many files the folders have. */
  files: number;
  /** How many labels there are for the tags of the document. */
  labels: number;
}

/** What is synchronized. */
export interface SyncSubject {
  options: GithubOptions;
  document: OpenApi;
  origin: Origin;
  /** What the API is called. */
  title: string;
  reach: Reach;
}

export interface SyncBase {
  generators: Pick<Generators, 'find' | 'generate'>;
  documents: Pick<SourceBase, 'locate'>;
  /** @throws Failure */
  subjectOf(job: Pick<RunningJob<unknown>, 'tenantId' | 'apiId' | 'signal'>): Promise<SyncSubject>;
}

type SyncJob = RunningJob<SyncInput>;

const enter = (job: SyncJob, step: keyof typeof SYNC_STEPS): Promise<void> =>
  job.step(step, SYNC_STEPS[step]);

/** What one run works with. */
interface Sync extends SyncSubject {
  job: SyncJob;
  /** The name of the generator. */
  generator: string;
}

/** What a run has pushed, or was about to push. */
interface Note {
  commit: string;
  remoteUrl: string;
  branch: string;
}

const AUTHOR = { name: 'Gatehouse', email: 'noreply@gatehouse.invalid' };
/** A branch that moves on while it is written is read again so often. */
const MOST_ATTEMPTS = 2;

/**
 * Writes the SDK and the reference of an API to its repository, and makes labels and a release. A run that was broken off is
 * repeated whole: it finds what it has pushed by its note, and labels and releases by their names. It can be cancelled until it
 * pushes; after that it can be ended, and is failed.
 */
export const syncKind = (base: SyncBase): JobKind<SyncInput, SyncResult> => ({
  name: SYNC_GITHUB,
  advice: {
    slow: 'Nothing was pushed. See whether the address of the document, the generator service or the Git server is slow, or make the document smaller; the operator can raise jobs.minutes.',
    published:
      'The repository may have the new commit already: look at it. The next synchronization makes the labels and the release that are missing.',
  },
  async run(job) {
    await enter(job, 'read');
    const subject = await base.subjectOf(job);
    checkDocumentSecrets(subject.document, subject.options.token);
    const { name: generator } = await availableGenerator(
      base.generators,
      subject.options.language,
      'genName',
    );
    const sync = { ...subject, job, generator };
    try {
      await enter(job, 'generate');
      const folders = await naming(base.documents, sync.origin, () => foldersOf(base.generators, sync));
      const commit = await commitTo(sync, folders);
      const labels = await announce(sync, commit);
      const files = folders.reduce((sum, [, inside]) => sum + inside.length, 0);
      return { branch: subject.options.branch, commit, files, labels };
    } catch (error) {
      throw failureOf(error, sync);
    }
  },
});

async function foldersOf(generators: SyncBase['generators'], sync: Sync): Promise<Folders> {
  const { generator, document, options, job } = sync;
  const order = { generator, document, options: {} };
  const files = await generators.generate(order, {
    signal: job.signal,
    line: (text) => say(sync, text),
    milliseconds: JOB_MILLISECONDS,
  });
  checkPaths(files);
  const sdk = [`sdk/${generator}`, listed(files)] as const;
  return options.syncDocs
    ? [sdk, ['docs/reference', listed(await referenceOf(document, job.signal))]]
    : [sdk];
}

const listed = (files: Files): [path: string, text: string][] =>
  [...files].sort(([a], [b]) => (a < b ? -1 : 1));

/** @returns the head of the branch @throws GitProblem, Failure */
async function commitTo(sync: Sync, folders: Folders): Promise<string> {
  const { job, options, reach } = sync;
  const { remoteUrl, branch, token } = options;
  await enter(job, 'clone');
  const repository = openRepository({ remoteUrl, branch, token, reach }, job.signal);
  try {
    const note = job.note as Note | undefined;
    const noted = note?.remoteUrl === remoteUrl && note.branch === branch ? note.commit : undefined;
    const { hasNoted } = await repository.clone(noted);
    return hasNoted ? (noted as string) : await pushTo(repository, sync, folders);
  } finally {
    await repository.close();
  }
}

async function pushTo(repository: OpenRepository, sync: Sync, folders: Folders): Promise<string> {
  const { job, options, generator, title } = sync;
  const { remoteUrl, branch } = options;
  const order: CommitOrder = {
    folders,
    message: `Update ${generator} SDK of ${lineOf(title)}\n`,
    author: AUTHOR,
    time: Math.floor(Date.now() / 1000),
  };
  for (let attempt = 1; ; attempt += 1) {
    await enter(job, 'write');
    const { commit, changed } = await repository.write(order);
    if (!changed) return commit;
    await job.setNote({ commit, remoteUrl, branch } satisfies Note);
    await enter(job, 'push');
    // Nothing undoes a push, and what was not answered may have been done.
    await job.commit();
    const { outcome, messages } = await repository.push();
    for (const line of messages.split(/[\r\n]+/).filter(Boolean)) say(sync, line);
    if (outcome === 'pushed') return commit;
    if (attempt === MOST_ATTEMPTS)
      throw new GitProblem(
        'moved',
        `the branch "${branch}" moved on while it was written, and again after it was read once more; try again`,
      );
    say(sync, `The branch ${branch} has moved on; its new head is read.`);
    await repository.clone();
  }
}

/** Makes labels and a release. @returns how many labels there are @throws GithubProblem */
async function announce(sync: Sync, commit: string): Promise<number> {
  const { job, options, document, reach, generator, title } = sync;
  const { apiUrl, token, userAgent, hasGithubApi, owner, repo } = options;
  await job.published();
  await enter(job, 'labels');
  if (!hasGithubApi) {
    say(sync, 'No labels and no release: remoteUrl is not on github.com, and apiUrl is not set.');
    return 0;
  }
  const github = openGithub({ apiUrl, token, userAgent, reach, signal: job.signal });
  const repository = `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}`;
  try {
    const labels = options.syncLabels ? await makeLabels(github, repository, tagsOf(document)) : 0;
    await enter(job, 'release');
    const version = versionOf(document);
    const name = `${lineOf(title)} ${version} (${generator})`;
    const body = `The ${generator} SDK of ${lineOf(title)}, made by Gatehouse of version ${version} of its document.`;
    await makeRelease(github, repository, { tag: releaseTag(generator, version), commit, name, body });
    return labels;
  } finally {
    await github.close();
  }
}

const LONGEST_LINE = 200;
const LONGEST_MESSAGE = 500;

/** Text of others on one line of a message. Marks of Markdown are left out: GitHub would make links and mentions of them. */
const lineOf = (text: string): string =>
  shownText(text)
    .replace(/[<>@#[\]`*_]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, LONGEST_LINE);

function versionOf({ info }: OpenApi): string {
  const { version } = (info ?? {}) as { version?: unknown };
  const said = typeof version === 'string' || typeof version === 'number' ? lineOf(String(version)) : '';
  return said || '0';
}

/** Without the token, which the other side can send back. */
function withoutToken(text: string, { options: { token } }: Pick<Sync, 'options'>): string {
  return withoutSecret(withoutSecret(text, token), token && `x-access-token:${token}`);
}

const say = (sync: Sync, text: string): void => sync.job.line(withoutToken(text, sync));

/** What the caller of a job is answered that did not go well. */
function failureOf(error: unknown, sync: Sync): unknown {
  if (!(error instanceof GitProblem) && !(error instanceof GithubProblem)) return error;
  return new Failure(502, CODEGEN_CODES.gitFailed, {
    message: withoutToken(error.message, sync).slice(0, LONGEST_MESSAGE),
  });
}
