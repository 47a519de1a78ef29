import { shapes } from '../../api/index.js';

export const MOST_WARNINGS = 20;

/** What works as it was published, and is hardly meant so: see warnings.ts. */
export const WARNINGS = {
  type: 'array',
  maxItems: MOST_WARNINGS,
  description:
    'In the answer to Publish and PublishRevision: what works and is hardly meant so, such as scopes that the API resource does not have. Scopes of a document are looked at when it is sent. Absent where there is nothing to say.',
  items: {
    title: 'GatewayWarning',
    type: 'object',
    additionalProperties: false,
    required: ['field', 'message'],
    properties: {
      field: { ...shapes.line(20_000), description: 'The field that it is about.' },
      message: { ...shapes.line(1000), description: 'What to change.' },
    },
  },
} as const;
