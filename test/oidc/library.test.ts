import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/kernel/root.js';

/** What a process prints that loads this module of the built program and then runs the code. */
const printed = (module: string, code: string): string => {
  const program = `await import(${JSON.stringify(join(packageRoot, 'dist', 'src', `${module}.js`))}); ${code}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
};

describe('the library of the protocol', () => {
  it('loads without its warning of the version of Node.js', () => {
    for (const module of ['oidc/index', 'main', 'management', 'oidc/keys/rotation', 'oidc/sessions'])
      assert.equal(printed(module, ''), '', module);
  });

  it('prints its other warnings, before and after', () => {
    const warn = "console.warn('oidc-provider WARNING: something else')";
    assert.equal(printed('oidc/library/index', warn), 'oidc-provider WARNING: something else\n');
    const all = "console.warn('oidc-provider WARNING: Unsupported runtime. again')";
    assert.match(printed('oidc/library/index', all), /again/);
    assert.equal(printed('oidc/library/before', warn), 'oidc-provider WARNING: something else\n');
  });
});
