import type { CompiledOperation } from '../types.js';
import { mistake, quoted } from './mistakes.js';
import { dereference, isTree, textAt, treeAt, valueAt, type Tree } from './tree.js';

/** Schemes whose names are scopes. */
const WITH_SCOPES = new Set(['oauth2', 'openIdConnect']);

/**
 * What a token must have for an operation, by its `security`, else the document's. Each element is one alternative, whose
 * scopes must all be held. Other schemes than OAuth ask for nothing here: the backend checks them.
 * @param pointer of the operation.
 * @throws DocumentMistakes where it names a scheme that the document does not have: an operation would be open to more
 * callers than is meant.
 */
export function scopeAlternatives(
  document: Tree,
  operation: Tree,
  pointer: string,
): Pick<CompiledOperation, 'open' | 'scopes'> {
  const isOwn = Object.hasOwn(operation, 'security');
  const security = isOwn ? operation['security'] : document['security'];
  if (!Array.isArray(security)) return { open: false, scopes: [] };
  const place = `${isOwn ? pointer : ''}/security`;
  const alternatives = security.map((alternative: unknown, index) =>
    scopesOf(document, isTree(alternative) ? alternative : {}, `${place}/${index}`),
  );
  const open = security.length === 0 || security.some((alternative) => isEmpty(alternative));
  // Where one alternative asks for no scope, none has to be held.
  const scopes = alternatives.some((names) => names.length === 0) ? [] : alternatives;
  return { open, scopes };
}

const isEmpty = (alternative: unknown): boolean =>
  isTree(alternative) && Object.keys(alternative).length === 0;

function scopesOf(document: Tree, alternative: Tree, pointer: string): string[] {
  const schemes = treeAt(treeAt(document, 'components'), 'securitySchemes');
  const scopes = new Set<string>();
  for (const [name, names] of Object.entries(alternative)) {
    const scheme = dereference(document, valueAt(schemes, [name])).value;
    if (!isTree(scheme))
      throw mistake('security', `Define the security scheme ${quoted(name)}, or remove it here.`, {
        path: pointer,
      });
    if (!WITH_SCOPES.has(textAt(scheme, 'type') ?? '') || !Array.isArray(names)) continue;
    for (const scope of names as unknown[]) {
      if (typeof scope !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
        throw mistake('security', `Correct the scope ${quoted(scope)}: it has letters that no scope has.`, {
          path: pointer,
        });
      scopes.add(scope);
    }
  }
  return [...scopes];
}
