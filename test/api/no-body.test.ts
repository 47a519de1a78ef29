import assert from 'node:assert/strict';
import { OPERATIONS } from '../../src/management.js';
import { EXAMPLES } from '../support/examples.js';
import { clientToken, perform } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

/** Operations that take an object as JSON. */
const TAKING = OPERATIONS.filter(
  ({ schemas: { body }, receive, stream }) => body !== undefined && !receive && !stream,
);
const isOptional = ({ schemas }: (typeof TAKING)[number]): boolean => {
  const { required = [], oneOf } = schemas.body as { required?: string[]; oneOf?: unknown };
  return required.length === 0 && oneOf === undefined;
};

describe('an operation that is called without a body', () => {
  let server: TestServer;
  let token: string;
  before(async () => {
    server = await startServer('sqlite', {}, { limits: { enabled: false } });
    token = await clientToken(server, ['isms.all']);
  });
  after(() => server.stop());

  it('is found in the declarations', () => {
    assert.ok(TAKING.filter(isOptional).some(({ id }) => id === 'key.rotate'));
    assert.ok(!TAKING.every(isOptional));
  });

  for (const operation of TAKING)
    it(`${isOptional(operation) ? 'takes it as an empty one' : 'says that one is needed'}: ${operation.id}`, async () => {
      const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, token)) ?? {};
      const { status, body } = await perform(server, operation, { ...example, body: undefined }, { token });
      const problems = body['data'] as { message?: string }[] | null;
      if (isOptional(operation))
        // What is missed then is for the operation to say, in words of its own; the schema asks for nothing.
        assert.ok(
          ![400, 415].includes(status) &&
            !(Array.isArray(problems) && problems.some(({ message }) => message === 'is missing')),
          JSON.stringify(body),
        );
      else assert.equal(status, 415, JSON.stringify(body));
    });
});
