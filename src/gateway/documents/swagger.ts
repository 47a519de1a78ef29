import { upgradeFromTwoToThree } from '@scalar/openapi-upgrader/2.0-to-3.0';
import { isTree, type Tree } from './tree.js';

/** A Swagger 2 document that was found valid, as OpenAPI 3.0 of the same meaning. */
export function toOpenApi3(document: Tree): Tree {
  const converted: unknown = upgradeFromTwoToThree(structuredClone(document));
  return isTree(converted) ? converted : {};
}
