import {
  areaAt,
  confinedTo,
  defineOperation,
  shapes,
  TAGS,
  tagsOf,
  type AnyOperation,
} from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import { JOB, startsJob, type JobServices } from '../../jobs/index.js';
import { GENERATOR_NAME } from '../history/schemas.js';
import { RELEASE_SDK, type ReleaseBase } from './release.js';
import { checkOptions, checkPlatform, clientFor } from './target.js';
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

/** Starts a release. What can be wrong with it is checked at once, and again when its turn has come. */
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
    async handle({ db, tenant, actor, body }) {
      const { id } = await lockApiResource(db, body.apiId, confinedTo(actor));
      checkPlatform(body.platform);
      const generator = await clientFor(services.generators, body.language);
      const options = await services.npmOptionsOf(db, services.vault, id, generator.name);
      checkOptions(options, services.reachOf(tenant));
      const input: ReleaseInput = {
        language: generator.name,
        swaggerUrl: body.swaggerUrl ?? null,
        tags: tagsOf(body.tags ?? null),
      };
      return services.jobs.enqueue(db, { kind: RELEASE_SDK, apiId: id, input });
    },
  });

/** The operations about releases. */
export const releaseOperations = (services: ReleaseServices): readonly AnyOperation[] => [
  releaseOperation(services),
];
