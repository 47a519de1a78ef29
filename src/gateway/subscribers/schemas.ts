import { shapes } from '../../api/index.js';

const { id, line, time } = shapes;

const email = { ...line(254), minLength: 3 } as const;

export const SUBSCRIPTION = {
  title: 'Subscription',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'email', 'createdAt', 'updatedAt'],
  properties: { id, email: { type: 'string' }, createdAt: time, updatedAt: time },
} as const;

export const SUBSCRIPTION_REQUEST = {
  title: 'SubscriptionRequest',
  type: 'object',
  additionalProperties: false,
  required: ['email'],
  properties: { email },
} as const;

export const REQUESTED = {
  title: 'SubscriptionRequested',
  type: 'object',
  additionalProperties: false,
  required: ['email', 'expiresAt'],
  properties: {
    email: { type: 'string' },
    expiresAt: { ...time, description: 'Until then the link in the mail works.' },
  },
} as const;

export const CODE_QUERY = {
  type: 'object',
  additionalProperties: false,
  required: ['code'],
  properties: { code: { ...line(500), description: 'As it is in the link of the mail.' } },
} as const;

export const SUBSCRIBED = {
  title: 'Subscribed',
  type: 'object',
  additionalProperties: false,
  required: ['email', 'subscribed'],
  properties: {
    email: { type: 'string' },
    subscribed: { type: 'boolean', description: 'Whether the address gets mail about the API.' },
  },
} as const;

/** The form of mail programs (RFC 8058, 3.2). The button of the page sends an empty one. */
export const ONE_CLICK = {
  title: 'OneClick',
  type: 'object',
  additionalProperties: false,
  properties: { 'List-Unsubscribe': { type: 'string', enum: ['One-Click'] } },
} as const;
