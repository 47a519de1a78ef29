import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FromSchema } from 'json-schema-to-ts';
import { POLICY_SCHEMA } from '../../../src/gateway/policies/index.js';
import type { Policy, PolicySteps } from '../../../src/gateway/types.js';

type Published = FromSchema<typeof POLICY_SCHEMA, { keepDefaultedPropertiesOptional: true }>;
type PublishedSteps = NonNullable<Published['operations']>[string];

/** These do not compile where the schema and `Policy` differ. */
const published = (policy: Published): Policy => policy;
const steps = (policy: PolicySteps): PublishedSteps => policy;
const names = (name: keyof Policy): keyof Published => name;

interface Described {
  description?: string;
  title?: string;
  examples?: readonly unknown[];
  properties?: Record<string, Described>;
}

describe('the schema of policies', () => {
  it('is valid JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strictTypes: false });
    assert.equal(ajv.validateSchema(POLICY_SCHEMA), true);
  });

  it('has the types that the modules of the gateway share', () => {
    const policy = { rateLimit: { calls: 1, seconds: 1 }, operations: { a: { mock: {} } } };
    assert.equal(published(policy), policy);
    assert.equal(steps(policy.operations.a), policy.operations.a);
    assert.equal(names('operations'), 'operations');
  });

  const { properties }: Described = POLICY_SCHEMA;

  it('gives each step a title, a description and examples that fit it', () => {
    const ajv = new Ajv2020({ strictTypes: false });
    for (const [name, schema] of Object.entries(properties ?? {})) {
      assert.ok(schema.title && schema.description, name);
      assert.ok(schema.examples?.length, name);
      for (const example of schema.examples) assert.equal(ajv.validate(schema, example), true, name);
    }
  });

  it('describes each key of each step', () => {
    for (const [name, schema] of Object.entries(properties ?? {}))
      for (const [key, { description }] of Object.entries(schema.properties ?? {}))
        assert.ok(description, `${name}.${key}`);
  });

  it('has an example that fits it', () => {
    const ajv = new Ajv2020({ strictTypes: false });
    for (const example of POLICY_SCHEMA.examples) assert.equal(ajv.validate(POLICY_SCHEMA, example), true);
  });
});
