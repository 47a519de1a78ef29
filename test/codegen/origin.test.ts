import assert from 'node:assert/strict';
import { Failure } from '../../src/api/index.js';
import { CODEGEN_CODES } from '../../src/codegen/codes.js';
import { naming, type Origin } from '../../src/codegen/origin.js';
import { Busy } from '../../src/kernel/errors.js';

const PROBLEM = {
  field: 'document',
  rule: 'generate',
  message: 'change GET /a: it fails',
  path: '/paths/~1a/get',
};
const failed = (): Promise<never> =>
  Promise.reject(
    new Failure(422, CODEGEN_CODES.generateFailed, {
      message: 'x',
      data: { lastLines: ['y'], problems: [PROBLEM] },
    }),
  );
const positions = async () => [{ line: 7, column: 3 }];

/** What a failure of a document with this text says. */
async function said(text: string | undefined, locate = positions, work = failed): Promise<Failure> {
  const origin: Origin = { field: 'swaggerUrl', text: () => Promise.resolve(text) };
  const error: unknown = await naming({ locate }, origin, work).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof Failure);
  return error;
}

describe('a failure of what is made of a document', () => {
  it('names the line of the part to change', async () => {
    const { message, data } = await said('{\n}');
    assert.equal(message, 'swaggerUrl, line 7: change GET /a: it fails');
    assert.deepEqual(data, {
      lastLines: ['y'],
      problems: [{ ...PROBLEM, field: 'swaggerUrl', line: 7, column: 3 }],
    });
  });

  const WITHOUT: [what: string, text: string | undefined, locate: typeof positions][] = [
    ['an object was sent', undefined, positions],
    ['the text has one line', '{}', positions],
    ['too many documents are read', '{\n}', () => Promise.reject(new Busy('document', 'busy', 1))],
  ];
  for (const [what, text, locate] of WITHOUT)
    it(`names its JSON pointer where ${what}`, async () => {
      const { message, data } = await said(text, locate);
      assert.equal(message, 'swaggerUrl, /paths/~1a/get: change GET /a: it fails');
      assert.deepEqual(data, { lastLines: ['y'], problems: [{ ...PROBLEM, field: 'swaggerUrl' }] });
    });

  it('stays as it is where it names no part', async () => {
    const other = new Failure(422, CODEGEN_CODES.generateFailed, { data: { lastLines: [] } });
    assert.equal(await said('{\n}', positions, () => Promise.reject(other)), other);
  });
});
