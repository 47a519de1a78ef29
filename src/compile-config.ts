import { writeFileSync } from 'node:fs';
import { Ajv, _ } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { CONFIG_OPTIONS, CONFIG_SCHEMA } from './config-schema.js';

/** Part of the build: writes the check of the configuration as plain code, in the place of config-validator.js. */
const ajv = new Ajv({ ...CONFIG_OPTIONS, code: { source: true, esm: true, formats: _`ADDRESS_FORMATS` } });
const code = standalone.default(ajv, ajv.compile(CONFIG_SCHEMA));
const head = `import { createRequire } from 'node:module';
import { ADDRESS_FORMATS } from './kernel/web-addresses.js';
const require = createRequire(import.meta.url);
`;
writeFileSync(
  new URL('config-validator.js', import.meta.url),
  `${head}${code.replace('export const validate =', 'export const validateConfig =')}`,
);
