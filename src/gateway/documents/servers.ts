import { MAX_SERVER_URL } from './limits.js';
import { isTree, listAt, textAt, treeAt, type Tree } from './tree.js';

/**
 * The address of the first server of an OpenAPI 3 document, with its variables' defaults and without a trailing slash.
 * Undefined where there is none that requests can be sent to: a relative one, another scheme than http and https, one with
 * user info, a query or a fragment, or a long one.
 */
export function serverUrlOf(document: Tree): string | undefined {
  const [server] = listAt(document, 'servers');
  if (!isTree(server)) return undefined;
  const variables = treeAt(server, 'variables');
  // Each is measured: small ones can become very long together.
  const address = short(textAt(server, 'url'))?.replace(
    /\{([^{}]+)\}/g,
    (whole, name: string) => short(textAt(treeAt(variables, name), 'default')) ?? whole,
  );
  if (
    address === undefined ||
    address.length > MAX_SERVER_URL ||
    !/^https?:\/\//i.test(address) ||
    /[{}?#\s]/.test(address)
  )
    return undefined;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return undefined;
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

const short = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= MAX_SERVER_URL ? text : undefined;
