import assert from 'node:assert/strict';
import { Failure } from '../../src/api/index.js';
import { checkPaths } from '../../src/codegen/paths.js';

const messageFor = (...paths: string[]): string => {
  try {
    checkPaths(new Map(paths.map((path) => [path, ''])));
    return '';
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.deepEqual([error.status, error.code.code], [422, 200006]);
    return error.message;
  }
};

describe('the files of a package or a repository', () => {
  it('may have names of letters of any script, hidden files and folders', () => {
    assert.equal(messageFor('index.ts', 'a/b-c/d_e.f.ts', '.gitignore', 'docs/订单.md', 'a/@x/$y+z.ts'), '');
  });

  const REFUSED: [paths: string[], says: RegExp][] = [
    [[], /makes no file$/],
    [['../a'], /"\.\.\/a" has a path that is not relative, or climbs$/],
    [['a', 'sub/.GIT/hooks/x'], /has a name that some systems, or Git, do not take$/],
    [['git~1/x'], /has a name that some systems, or Git, do not take$/],
    [['x.'], /has a name that some systems, or Git, do not take$/],
    [['a\u200bb'], /has a character in its path/],
    [['a?b'], /has a character in its path/],
    [['a/B.ts', 'A/b.ts'], /makes "A\/b\.ts" twice, in this or another case$/],
    [['a', 'A/b'], /makes "a" a file and a folder$/],
  ];
  for (const [paths, says] of REFUSED)
    it(`may not be at ${JSON.stringify(paths)} [SEC-C6]`, () => assert.match(messageFor(...paths), says));
});
