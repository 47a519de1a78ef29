import assert from 'node:assert/strict';
import { Ajv } from 'ajv';
import { schemaWords } from '../../src/kernel/schema-words.js';

const ajv = new Ajv({ verbose: true, allowUnionTypes: true });
ajv.addFormat('date-time', /^\d{4}-/);

describe('the words for a value that a schema refuses', () => {
  const rows: [title: string, schema: object, value: unknown, words: string][] = [
    ['a class', { pattern: '^[a-zA-Z0-9-]*$' }, 'orders/', 'may have only the characters a-z A-Z 0-9 -'],
    [
      'a class that is not empty',
      { pattern: '^[A-Za-z0-9._~-]+$' },
      'a b',
      'must be one or more of the characters A-Z a-z 0-9 . _ ~ -',
    ],
    [
      'a class with a length',
      { pattern: '^[a-zA-Z0-9]{5,30}$' },
      'abc',
      'must be 5 to 30 of the characters a-z A-Z 0-9',
    ],
    [
      'another first character',
      { pattern: '^[A-Za-z0-9][A-Za-z0-9.-]*$' },
      '-v2',
      'must begin with one of A-Z a-z 0-9, and have only the characters A-Z a-z 0-9 . - after it',
    ],
    [
      'another pattern',
      { pattern: '^[^\\p{Cc}]+$' },
      'a\u0000',
      'has characters that it may not have, or only blanks',
    ],
    ['an example', { pattern: '^[A-Z]{2}$', examples: ['CN'] }, 'cn', 'must be of the form of "CN"'],
    ['types', { type: ['object', 'null'] }, 'x', 'must be object or null'],
    [
      'a time',
      { type: 'string', format: 'date-time' },
      'yesterday',
      'must be a time such as 2026-01-31T12:00:00Z',
    ],
  ];
  for (const [title, schema, value, words] of rows)
    it(`name what is allowed: ${title}`, () => {
      const validate = ajv.compile(schema);
      assert.equal(validate(value), false);
      assert.deepEqual(validate.errors?.map(schemaWords), [words]);
    });
});
