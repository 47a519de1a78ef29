import { shapes } from '../api/index.js';
import type { Secret } from './secrets.js';

const { id, line, orNull, text, time } = shapes;

const description = orNull(text(500));
const expiresAt = orNull(time);

/** A secret as the API shows it: enough to tell it from the others. */
export const SECRET = {
  title: 'Secret',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'description', 'hint', 'createdAt', 'expiresAt'],
  properties: {
    id,
    description,
    hint: { type: 'string', description: 'How it begins.' },
    createdAt: time,
    expiresAt,
  },
} as const;

/** A secret that has just been made; this is the only time that it is shown. */
export const SHOWN_SECRET = {
  ...SECRET,
  title: 'ShownSecret',
  required: [...SECRET.required, 'secret'],
  properties: {
    ...SECRET.properties,
    secret: { type: 'string', description: 'Shown this once.' },
  },
} as const;

/** What is asked for a new secret. */
export const NEW_SECRET = {
  title: 'NewSecret',
  type: 'object',
  additionalProperties: false,
  properties: {
    keyType: {
      type: 'string',
      enum: ['Sha256', 'Sha512'],
      default: 'Sha256',
      description: 'The hash that it is kept as.',
    },
    plaintext: {
      ...line(200),
      description: 'A secret that you bring; leave it out, and a random one is made.',
    },
    description,
    expiresAt,
  },
} as const;

/** Those that are to stay, of the secrets that there are. */
export const KEPT_SECRETS = {
  type: 'array',
  maxItems: 100,
  items: {
    title: 'KeptSecret',
    type: 'object',
    additionalProperties: true,
    required: ['id'],
    properties: { id },
  },
  description: 'The secrets that stay, by id; the others stop working.',
} as const;

/** What is asked for, as the store takes it. */
export const readNewSecret = <T extends { expiresAt?: string | null | undefined }>({
  expiresAt: at,
  ...secret
}: T): Omit<T, 'expiresAt'> & { expiresAt: number | null } => ({
  ...secret,
  expiresAt: at == null ? null : Date.parse(at),
});

export const showSecret = ({ id: which, description: about, hint, createdAt, expiresAt: end }: Secret) => ({
  id: which,
  description: about,
  hint,
  createdAt: shapes.iso(createdAt),
  expiresAt: end === null ? null : shapes.iso(end),
});
