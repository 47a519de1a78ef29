import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** What a process prints that loads this module and then runs the code. */
const printed = (module: string, code: string): string => {
  const program = `await import(${JSON.stringify(new URL(module, import.meta.url).href)}); ${code}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return stdout + stderr;
};

describe('the library of the protocol', () => {
  it('loads without its warning of the version of Node.js', () => {
    for (const module of ['oidc/index', 'main', 'management', 'oidc/keys/rotation', 'oidc/sessions'])
      assert.equal(printed(`../../src/${module}.js`, ''), '', module);
  });

  it('prints its other warnings, before and after', () => {
    const warn = "console.warn('oidc-provider WARNING: something else')";
    assert.equal(printed('../../src/oidc/library/index.js', warn), 'oidc-provider WARNING: something else\n');
    const all = "console.warn('oidc-provider WARNING: Unsupported runtime. again')";
    assert.match(printed('../../src/oidc/library/index.js', all), /again/);
    assert.equal(
      printed('../../src/oidc/library/before.js', warn),
      'oidc-provider WARNING: something else\n',
    );
  });
});
