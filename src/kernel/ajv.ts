import type * as AjvLibrary from 'ajv';
import type { Ajv, Options } from 'ajv';
import { whenNeeded } from './when-needed.js';

const library = whenNeeded<typeof AjvLibrary>('ajv');

/** A validator of JSON Schema, whose library is loaded with the first one: commands that read need none. */
export const openAjv = (options: Options): Ajv => new (library().Ajv)(options);
