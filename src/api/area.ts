import type { Access } from './access.js';
import type { Code } from './codes.js';
import { codesOperation } from './codes-operation.js';
import type { AnyOperation } from './operation.js';

interface Place<M> {
  readonly id: `${string}.${string}`;
  readonly method: M;
  readonly path: `/api/${string}`;
  readonly access: Access;
}

/** Where the operations that most areas have are, and who may call them; the table of codes is the same in all. */
export function areaAt(area: string, path: `/api/${string}`) {
  const place = <const M>(verb: string, method: M, one = ''): Place<M> => ({
    id: `${area}.${verb}`,
    method,
    path: `${path}${one}`,
    access: { kind: 'bearer', area, verb },
  });
  return {
    /** An operation that only this area has; its path goes on from the area's. */
    own: place,
    codes: (codes: Record<string, Code>): AnyOperation => codesOperation(area, path, codes),
    list: place('get', 'GET'),
    detail: place('detail', 'GET', '/{id}'),
    post: place('post', 'POST'),
    put: place('put', 'PUT'),
    delete: place('delete', 'DELETE', '/{id}'),
  };
}
