import { BASIC, type Code } from './codes.js';
import { defineOperation, type AnyOperation } from './operation.js';
import { CODES } from './shapes.js';

/** `GET /api/<Area>/Codes`: the area's table, with the codes that every area has. */
export const codesOperation = (
  area: string,
  path: `/api/${string}`,
  codes: Record<string, Code>,
): AnyOperation =>
  defineOperation({
    id: `${area}.codes`,
    method: 'GET',
    path: `${path}/Codes`,
    summary: 'The codes that answers of this area have, and what they mean',
    access: { kind: 'open' },
    constant: true,
    schemas: { answer: CODES },
    handle: async ({ language }) =>
      [...Object.values(BASIC), ...Object.values(codes)].map(({ code, name, description }) => ({
        code,
        name,
        description: description[language],
      })),
  });
