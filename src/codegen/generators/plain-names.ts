import type { OpenApi } from '../types.js';

/**
 * `@hey-api/openapi-ts` 0.95 writes names of operations and tags between quotes as they are where they become methods and fields
 * of classes, so that a quote in a name begins code. Names lose what no name needs before it sees them.
 */

type Part = Record<string, unknown>;

const partOf = (value: unknown): Part =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Part) : {};

/** What names keep: letters and digits of any script, and signs between words. */
const REFUSED = /[^\p{ID_Continue} ./-]+/gu;
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

const plain = (name: unknown): string | undefined => {
  const text = typeof name === 'string' ? name.replace(REFUSED, ' ').trim() : '';
  return /\p{ID_Start}/u.test(text) ? text : undefined;
};

/** Paths that the library makes a good name of. */
const PLAIN_PATH = /^[\p{ID_Continue} ./{}-]*$/u;

/**
 * Makes the names of a document plain. The library names an operation without such a name by its path, where that is plain as well.
 * It changes the document.
 */
export function withPlainNames(document: OpenApi): OpenApi {
  for (const place of ['paths', 'webhooks', 'components/pathItems']) {
    const items = place.split('/').reduce((part, key) => partOf(part[key]), document);
    renameIn(items);
  }
  const { tags } = document;
  if (Array.isArray(tags))
    document['tags'] = (tags as unknown[]).filter(
      (tag) => plain(partOf(tag)['name']) === partOf(tag)['name'],
    );
  return document;
}

function renameIn(items: Part): void {
  for (const [path, item] of Object.entries(items))
    for (const [method, value] of Object.entries(partOf(item))) {
      if (!METHODS.includes(method)) continue;
      const operation = partOf(value);
      const name =
        plain(operation['operationId']) ?? (PLAIN_PATH.test(path) ? undefined : plain(`${method} ${path}`));
      if (name === undefined) delete operation['operationId'];
      else operation['operationId'] = name;
      const { tags } = operation;
      if (Array.isArray(tags)) operation['tags'] = (tags as unknown[]).flatMap((tag) => plain(tag) ?? []);
    }
}
