import { Failure, type CallTenant } from '../../api/index.js';
import { findApiResource } from '../../api-resources/index.js';
import { callPlace } from '../../gateway/index.js';
import type { JobKind, RunningJob } from '../../jobs/index.js';
import { tenantDb, tenantTransaction, type TenantDb, type Vault } from '../../store/index.js';
import { CODEGEN_CODES } from '../codes.js';
import { checkDocumentSecrets } from '../document-secrets.js';
import { clientFor } from '../generators/index.js';
import { publicAddress } from '../history/address.js';
import { inline } from '../markdown.js';
import type { NpmOptions } from '../options/index.js';
import { checkPaths } from '../paths.js';
import { JOB_MILLISECONDS } from '../process/index.js';
import type { Files, Generator, Generators, OpenApi } from '../types.js';
import { startCompiler, type Compiler } from './check.js';
import { difference } from './difference/index.js';
import { exampleOf } from './example.js';
import { naming } from '../origin.js';
import { dependenciesOf, entryOf, packageOf } from './package.js';
import { changelogOf, changesOf, readmeOf, titleOf } from './readme.js';
import { recordRelease, type RecordBase } from './record.js';
import { openRegistry, type Registry } from './registry.js';
import { documentFor, type DocumentServices } from './source.js';
import { findDraft, packDocument, putDraft, releasedDocument, type Draft, type SdkKey } from './store.js';
import { checkOptions, type ReachOf } from './target.js';
import { integrityOf, tarballOf } from './tarball.js';
import type { ReleaseInput, ReleaseResult } from './types.js';
import { nextVersion } from './version.js';

export const RELEASE_SDK = 'releaseSdk';

/** The steps of a release in their order, each with the percentage at which it begins. */
export const RELEASE_STEPS = { read: 5, generate: 15, check: 40, pack: 70, publish: 85, record: 95 } as const;

/** What releases need of the other modules. */
export interface ReleaseBase extends RecordBase {
  vault: Vault;
  generators: Generators;
  documents: DocumentServices;
  npmOptionsOf(db: TenantDb, vault: Vault, apiId: string, language: string): Promise<NpmOptions | undefined>;
  commonOptionsOf(db: TenantDb, apiId: string): Promise<{ swaggerUrl: string } | undefined>;
  tenantOf(tenantId: string): Promise<CallTenant>;
  reachOf: ReachOf;
  /** How long one request to a registry may take. */
  registryMilliseconds?: number;
}

type ReleaseJob = RunningJob<ReleaseInput>;

/** What one run of a release works with. */
interface Release {
  base: ReleaseBase;
  job: ReleaseJob;
  db: TenantDb;
  tenant: CallTenant;
  key: SdkKey;
  generator: Generator;
  options: NpmOptions;
  registry: Registry;
  registryUrl: URL;
}

const enter = (job: ReleaseJob, step: keyof typeof RELEASE_STEPS): Promise<void> =>
  job.step(step, RELEASE_STEPS[step]);

const MOST_TARBALL = 20 * 1024 * 1024;
const DEFAULT_REGISTRY = 'https://registry.npmjs.org/';

/**
 * Releases an SDK. The package is stored before it is sent to the registry, so a run that was broken off sends the same bytes again,
 * or finds that the registry has them.
 */
export const releaseKind = (base: ReleaseBase): JobKind<ReleaseInput, ReleaseResult> => ({
  name: RELEASE_SDK,
  advice: {
    slow: 'Nothing was published. See whether the address of the document, the generator service or the registry is slow, or make the document smaller; the operator can raise jobs.minutes.',
    published:
      'The registry may have the package already: look at it. The next release looks as well, and records what is there.',
  },
  async run(job) {
    await enter(job, 'read');
    const release = await begin(base, job);
    const done = await settle(release);
    if (done) return done;
    const draft = (await ownDraft(release)) ?? (await prepare(release));
    await publish(release, draft);
    await enter(job, 'record');
    await recordRelease(base, job.tenantId, release.key, draft);
    return resultOf(draft);
  },
});

const resultOf = ({ details: { manifest, registry, integrity } }: Draft): ReleaseResult => ({
  name: manifest.name,
  version: manifest.version,
  registry,
  integrity,
});

async function begin(base: ReleaseBase, job: ReleaseJob): Promise<Release> {
  const tenant = await base.tenantOf(job.tenantId);
  const db = tenantDb(base.store.knex, job.tenantId);
  const { id } = await findApiResource(db, job.apiId);
  const generator = await clientFor(base.generators, job.input.language);
  const reach = base.reachOf(tenant);
  const { options, registry } = checkOptions(
    await base.npmOptionsOf(db, base.vault, id, generator.name),
    generator.name,
    reach,
  );
  const { registryMilliseconds: milliseconds } = base;
  return {
    ...{ base, job, db, tenant, generator, options },
    key: { apiId: id, generator: generator.name },
    registryUrl: registry,
    registry: openRegistry({
      registry,
      token: options.token ?? undefined,
      reach,
      ...(milliseconds !== undefined && { milliseconds }),
    }),
  };
}

/** What an earlier run of this job was about to publish, if it is still to go to the same place. */
async function ownDraft({ db, key, job, options, registryUrl }: Release): Promise<Draft | undefined> {
  const draft = await findDraft(db, key);
  const isSame =
    draft?.details.registry === registryUrl.href && draft.details.manifest.name === options.sdkName;
  return draft?.jobId === job.id && isSame ? draft : undefined;
}

/**
 * Ends what an earlier run, or an earlier job, has begun: a draft that is in the registry is recorded.
 * @returns the result, where it was this job's.
 */
async function settle(release: Release): Promise<ReleaseResult | undefined> {
  const { base, db, key, job, registry, registryUrl } = release;
  const draft = await findDraft(db, key);
  // The draft is deleted in the transaction that records its release.
  if (draft?.jobId !== job.id && job.note !== undefined) return job.note as ReleaseResult;
  if (!draft || draft.details.registry !== registryUrl.href) return undefined;
  if (!(await isPublished(registry, draft, job.signal))) return undefined;
  await recordRelease(base, job.tenantId, key, draft);
  return draft.jobId === job.id ? resultOf(draft) : undefined;
}

/** Whether the registry has a package: this version, with these bytes. */
async function isPublished(registry: Registry, { details }: Draft, signal: AbortSignal): Promise<boolean> {
  const published = await registry.read(details.manifest.name, signal);
  return published.integrityOf(details.manifest.version) === details.integrity;
}

/** Makes the package, and stores it. What it needs starts while the document is read: the generator, and the compiler. */
async function prepare(release: Release): Promise<Draft> {
  release.base.generators.expect(release.generator.name);
  const compiler = startCompiler();
  try {
    return await prepareWith(release, compiler);
  } finally {
    await compiler.close();
  }
}

async function prepareWith(release: Release, compiler: Compiler): Promise<Draft> {
  const { base, db, job, tenant, key, options } = release;
  const common = await base.commonOptionsOf(db, key.apiId);
  const swaggerUrl = job.input.swaggerUrl ?? common?.swaggerUrl;
  const { openapi: document, origin } = await documentFor(base, tenant, job, swaggerUrl);
  checkDocumentSecrets(document, options.token);
  await enter(job, 'generate');
  const made = await naming(base.documents, origin, () => generated(release, compiler, document));
  await enter(job, 'pack');
  const draft = await packed(release, document, { ...made, swaggerUrl });
  // Where the job has ended meanwhile, the next one may have stored its own.
  job.signal.throwIfAborted();
  await tenantTransaction(base.store, job.tenantId, (trx) => putDraft(trx, key, draft));
  await job.setNote(resultOf(draft));
  return draft;
}

/** Generates the code, and compiles it. */
async function generated(
  release: Release,
  compiler: Compiler,
  document: OpenApi,
): Promise<Omit<Made, 'swaggerUrl'>> {
  const { base, job, generator } = release;
  const code = await base.generators.generate(
    { generator: generator.name, document, options: {} },
    { signal: job.signal, line: (text) => job.line(text), milliseconds: JOB_MILLISECONDS },
  );
  checkPaths(code);
  await enter(job, 'check');
  return { code, ...(await checked(release, compiler, document, code)) };
}

/** Compiles the code, together with the first call that the README shows. */
async function checked(
  { generator, options, job, db, tenant, key }: Release,
  compiler: Compiler,
  document: OpenApi,
  code: Files,
): Promise<{ compiled: Files; example: string | undefined }> {
  const place = await callPlace(db, tenant, key.apiId);
  const example = (from: { sdk: string; client: string }) =>
    exampleOf(generator.name, document, code, from, place);
  const { files, exampleIsGood } = await compiler.compile(code, dependenciesOf(code), {
    example: example({ sdk: `./${entryOf(code)}.js`, client: './client.gen.js' }),
    document,
    signal: job.signal,
  });
  const shown = example({ sdk: options.sdkName, client: `${options.sdkName}/client` });
  return { compiled: files, example: exampleIsGood ? shown : undefined };
}

interface Made {
  code: Files;
  compiled: Files;
  example: string | undefined;
  swaggerUrl: string | undefined;
}

/** The package with its version, as it is sent. */
async function packed(release: Release, document: OpenApi, made: Made): Promise<Draft> {
  const { db, job, key, options, registry, registryUrl, generator } = release;
  const { code, compiled, example, swaggerUrl } = made;
  const before = await releasedDocument(db, key);
  const { changes, level } = before ? await difference(before, document) : { changes: [], level: undefined };
  const { latest } = await registry.read(options.sdkName, job.signal);
  const version = nextVersion(options.version, latest, level);
  const said = (written: (text: string) => string) => changesOf(changes, before === undefined, written);
  const { title, description } = titleOf(document);
  const readme = readmeOf({
    title,
    description,
    sdkName: options.sdkName,
    registry: registryUrl.href === DEFAULT_REGISTRY ? undefined : registryUrl.href,
    example,
    license: options.license,
  });
  const { manifest, files } = packageOf({
    ...{ options, version, code, compiled },
    description: title,
    readme: options.README ?? readme,
    changelog: changelogOf(
      version,
      said((text) => inline(text)),
    ),
  });
  const tarball = await tarballOf(files);
  if (tarball.length > MOST_TARBALL)
    throw new Failure(422, CODEGEN_CODES.generateFailed, {
      message: `the package has more than ${MOST_TARBALL} bytes; make the document smaller`,
    });
  job.line(`${options.sdkName} ${version}: ${files.size} files, ${tarball.length} bytes`);
  return {
    jobId: job.id,
    details: {
      manifest,
      registry: registryUrl.href,
      integrity: integrityOf(tarball),
      changes: said((text) => text),
      swaggerUrl: swaggerUrl === undefined ? null : publicAddress(swaggerUrl),
      tags: job.input.tags,
      publisher: options.author ?? options.name,
      language: generator.language,
    },
    tarball,
    document: await packDocument(document),
  };
}

/** Sends the package. Where it fails, the registry may have it all the same: an answer was lost, or it came late. */
async function publish({ job, registry }: Release, draft: Draft): Promise<void> {
  await enter(job, 'publish');
  await job.commit();
  try {
    await registry.publish(draft.tarball, draft.details.manifest, job.signal);
  } catch (error) {
    job.signal.throwIfAborted();
    const isThere = await isPublished(registry, draft, job.signal).catch(() => false);
    if (!isThere) throw error;
  }
}
