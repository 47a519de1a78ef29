import { shapes } from '../../api/index.js';

const FAILURE = {
  title: 'JobFailure',
  description: 'Why it failed: what a call that waits for the job answers.',
  type: 'object',
  additionalProperties: false,
  required: ['status', 'code', 'codeName', 'message'],
  properties: {
    status: { type: 'integer', description: 'The HTTP status.' },
    code: { type: 'integer' },
    codeName: { type: 'string' },
    message: { type: 'string' },
    data: { description: 'As in the answer of the call.' },
  },
} as const;

export const JOB = {
  title: 'Job',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'kind', 'apiId', 'state', 'step', 'percent', 'lastLines', 'createdAt', 'updatedAt'],
  properties: {
    id: shapes.id,
    kind: { type: 'string', description: '`releaseSdk` or `syncGithub`.' },
    apiId: {
      ...shapes.id,
      description: 'The API resource that it is about. Its jobs run one after the other.',
    },
    state: { type: 'string', enum: ['queued', 'running', 'done', 'failed', 'cancelled'] },
    step: { type: ['string', 'null'], description: 'What it does now.' },
    percent: { type: 'integer', minimum: 0, maximum: 100 },
    lastLines: {
      type: 'array',
      items: { type: 'string' },
      description: 'The last lines of the tools that it runs, the newest last.',
    },
    result: { type: 'object', description: 'Where it is done.' },
    failure: FAILURE,
    createdAt: shapes.time,
    updatedAt: shapes.time,
    endedAt: shapes.time,
  },
} as const;
