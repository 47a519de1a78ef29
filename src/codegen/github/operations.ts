import { areaAt, confinedTo, defineOperation, shapes, type AnyOperation } from '../../api/index.js';
import { lockApiResource } from '../../api-resources/index.js';
import { JOB, startsJob, type JobServices } from '../../jobs/index.js';
import type { Vault } from '../../store/index.js';
import { githubOptionsOf } from '../options/index.js';
import { requireOptions } from './subject.js';
import { SYNC_GITHUB, type SyncInput } from './sync.js';

const at = areaAt('codegen', '/api/CodeGen');

export interface SyncServices extends JobServices {
  readonly vault: Vault;
}

const NO_FIELDS = {
  title: 'GithubSyncRequest',
  type: 'object',
  additionalProperties: false,
  properties: {},
} as const;

/** Starts a synchronization. What it is about is read when its turn has come. */
const syncOperation = (services: SyncServices): AnyOperation =>
  defineOperation({
    ...at.own('putgithuboptions', 'PUT', '/{id}/SyncGithub'),
    id: 'codegen.syncgithub',
    ...startsJob(services),
    summary: 'Push the SDK and the reference of an API to its repository, with labels and a release',
    authority: {
      untouched: 'a synchronization writes to a repository, and gives no permission',
      confined: 'the API is the caller’s own',
    },
    schemas: { params: shapes.params, body: NO_FIELDS, answer: JOB },
    example: {},
    target: ({ params }) => params.id,
    async handle({ db, actor, params }) {
      const { id } = await lockApiResource(db, params.id, confinedTo(actor));
      requireOptions(await githubOptionsOf(db, services.vault, id));
      const input: SyncInput = {};
      return services.jobs.enqueue(db, { kind: SYNC_GITHUB, apiId: id, input });
    },
  });

/** The operations about repositories. */
export const syncOperations = (services: SyncServices): readonly AnyOperation[] => [syncOperation(services)];
