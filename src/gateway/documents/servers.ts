import { isTree, listAt, textAt, treeAt, type Tree } from './tree.js';

/**
 * The address of the first server of an OpenAPI 3 document, with its variables' defaults and without a trailing slash.
 * Undefined where there is none that requests can be sent to: a relative one, another scheme than http and https, or one with
 * user info, a query or a fragment.
 */
export function serverUrlOf(document: Tree): string | undefined {
  const [server] = listAt(document, 'servers');
  if (!isTree(server)) return undefined;
  const variables = treeAt(server, 'variables');
  const address = textAt(server, 'url')?.replace(
    /\{([^{}]+)\}/g,
    (whole, name: string) => textAt(treeAt(variables, name), 'default') ?? whole,
  );
  if (address === undefined || !/^https?:\/\//i.test(address) || /[{}?#\s]/.test(address)) return undefined;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return undefined;
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
