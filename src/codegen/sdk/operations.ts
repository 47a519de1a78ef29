import {
  areaAt,
  confinedTo,
  defineOperation,
  shapes,
  TAGS,
  tagsOf,
  type AnyOperation,
  type CallTenant,
} from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import { JOB, startsJob, type Job, type JobServices } from '../../jobs/index.js';
import type { TenantDb } from '../../store/index.js';
import { clientFor } from '../generators/index.js';
import { GENERATOR_NAME } from '../history/schemas.js';
import { RELEASE_SDK, type ReleaseBase } from './release.js';
import { checkOptions, checkPlatform } from './target.js';
import type { Generator, Generators } from '../types.js';
import type { ReleaseInput } from './types.js';

const at = areaAt('codegen', '/api/CodeGen');

export type ReleaseServices = JobServices &
  Pick<ReleaseBase, 'generators' | 'vault' | 'reachOf' | 'npmOptionsOf'>;

const RELEASE = {
  title: 'SdkReleaseRequest',
  type: 'object',
  additionalProperties: false,
  required: ['platform', 'language', 'apiId'],
  properties: {
    platform: { ...shapes.label(20), description: 'Where the package goes: `npm`.' },
    language: GENERATOR_NAME,
    apiId: shapes.id,
    swaggerUrl: shapes.orNull({
      ...shapes.webAddress,
      description:
        'Where the OpenAPI document is. Without it: the address of CommonOptions, else the API’s current revision.',
    }),
    tags: TAGS,
  },
} as const;

/** What a caller asks for, by the API or the command line. */
interface ReleaseRequest {
  /** Of `generatorFor`. */
  generator: Generator;
  swaggerUrl?: string | null | undefined;
  tags?: Parameters<typeof tagsOf>[0] | undefined;
}

type Starting = Pick<ReleaseServices, 'vault' | 'reachOf' | 'npmOptionsOf'> &
  Pick<JobServices['jobs'], 'enqueue'>;

/**
 * The client that a release is made by. It can ask another program, so no transaction may wait for it.
 * @throws Failure 422
 */
export async function generatorFor(
  generators: Generators,
  { platform, language }: { platform: string; language: string },
): Promise<Generator> {
  checkPlatform(platform);
  return clientFor(generators, language);
}

/**
 * Starts a release in the caller's transaction, which holds the API resource. What can be wrong with it is checked at once, and again
 * when its turn has come.
 * @throws Failure 422
 */
export async function startRelease(
  { vault, reachOf, npmOptionsOf, enqueue }: Starting,
  { db, tenant, apiId }: { db: TenantDb; tenant: CallTenant; apiId: string },
  { generator, swaggerUrl = null, tags = null }: ReleaseRequest,
): Promise<Job> {
  checkOptions(await npmOptionsOf(db, vault, apiId, generator.name), generator.name, reachOf(tenant));
  const input: ReleaseInput = { language: generator.name, swaggerUrl, tags: tagsOf(tags) };
  return enqueue(db, { kind: RELEASE_SDK, apiId, input });
}

const releaseOperation = (services: ReleaseServices): AnyOperation =>
  defineOperation({
    ...at.own('releasesdk', 'POST', '/ReleaseSDK'),
    ...startsJob(services),
    summary: 'Release an SDK of an API: generate, check and publish its package',
    authority: {
      untouched: 'a release publishes a package, and gives no permission',
      confined: 'the API is the caller’s own',
    },
    example: { platform: 'npm', language: 'typescript', apiId: '7f', tags: ['stable'] },
    schemas: { body: RELEASE, answer: JOB },
    prepare: ({ body }) => generatorFor(services.generators, body),
    async handle({ db, tenant, actor, body }, generator) {
      const { id } = await lockApiResource(db, body.apiId, confinedTo(actor));
      const place = { db, tenant, apiId: id };
      return startRelease({ ...services, enqueue: services.jobs.enqueue }, place, { ...body, generator });
    },
  });

/** The operations about releases. */
export const releaseOperations = (services: ReleaseServices): readonly AnyOperation[] => [
  releaseOperation(services),
];
