import { Ajv } from 'ajv';
import { CONFIG_OPTIONS, CONFIG_SCHEMA } from './config-schema.js';

/**
 * Whether values are a configuration. The build puts compiled code in the place of this module (compile-config.ts), so that no
 * command loads Ajv for it.
 */
export const validateConfig = new Ajv({ ...CONFIG_OPTIONS, code: { optimize: false } }).compile(
  CONFIG_SCHEMA,
);
