import { inspectJson } from '../api/index.js';
import { Invalid } from '../kernel/errors.js';
import type { UserFields } from './schema.js';
import { fields } from './shapes.js';

const { nickName, gender, birthdate, address, description } = fields;
const PROFILE = {
  type: 'object',
  additionalProperties: false,
  properties: { nickName, gender, birthdate, address, description },
} as const;

/** What persons say of themselves. */
export type OwnProfile = { [K in keyof typeof PROFILE.properties]?: string | null };

const problemsOf = inspectJson(PROFILE);

/** A form's fields as a profile: what is blank is cleared. @throws Invalid naming the field */
export function readProfile(
  typed: Readonly<Partial<Record<keyof OwnProfile, string>>>,
): OwnProfile & UserFields {
  const profile = Object.fromEntries(
    Object.entries(typed).map(([field, value]) => [field, value.trim().replaceAll('\r\n', '\n') || null]),
  ) as OwnProfile;
  const [problem] = problemsOf(profile);
  if (problem) throw new Invalid(problem.field, problem.message);
  return profile;
}
