import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { temporaryFolder } from '../support/config.js';
import { needsFiles } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);
const APACHE = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';
const PYTHON = '/usr/bin/python3';
const AUTHLIB = '/usr/lib/python3/dist-packages/authlib';

/** Apache with one protected page, as mod_auth_openidc's documentation has it. */
async function startApache(
  port: number,
  { issuer, secret }: { issuer: string; secret: string },
): Promise<ChildProcess> {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'www'));
  writeFileSync(join(folder, 'www', 'index.html'), '<!doctype html><title>In</title><h1>Protected page</h1>');
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'auth_openidc'];
  const config = `
    ServerRoot ${folder}
    ServerName localhost
    Listen 127.0.0.1:${port}
    PidFile ${join(folder, 'apache.pid')}
    ErrorLog ${join(folder, 'error.log')}
    ${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
    User www-data
    Group www-data
    DocumentRoot ${join(folder, 'www')}
    DirectoryIndex index.html
    OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
    OIDCClientID apache
    OIDCClientSecret ${secret}
    OIDCRedirectURI http://localhost:${port}/callback
    OIDCCryptoPassphrase a-passphrase-of-the-tests
    OIDCPKCEMethod S256
    OIDCScope "openid profile"
    <Location />
      AuthType openid-connect
      Require valid-user
    </Location>`;
  const file = join(folder, 'apache.conf');
  writeFileSync(file, config);
  const apache = spawn(APACHE, ['-f', file, '-DFOREGROUND'], { stdio: 'ignore' });
  const answers = async (): Promise<boolean> => {
    if (apache.exitCode !== null) throw new Error(`apache ended with ${apache.exitCode}`);
    return fetch(`http://localhost:${port}/`, { redirect: 'manual' }).then(
      () => true,
      () => false,
    );
  };
  while (!(await answers())) await new Promise((resolve) => setImmediate(resolve));
  return apache;
}

describe('clients that others wrote', function () {
  let server: TestServer;

  before(async () => {
    server = await startServer('sqlite');
    await server.addUser({ userName: 'alice' });
  });
  after(() => server.stop());

  it('Apache’s mod_auth_openidc signs in through a browser, and hears of the sign-out by its back channel', async function () {
    needsBrowser(this);
    needsFiles(
      this,
      [APACHE, `${MODULES}/mod_auth_openidc.so`],
      'apache2 and libapache2-mod-auth-openidc (apt-get install apache2 libapache2-mod-auth-openidc)',
    );
    const port = await freePort();
    const app = `http://localhost:${port}`;
    const secret = await server.addClient('apache', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: [`${app}/callback`],
      scopes: ['openid', 'profile'],
      backchannelLogoutUri: `${app}/callback?logout=backchannel`,
    });
    const apache = await startApache(port, { issuer: server.issuer, secret });
    try {
      const visitor = await newVisitor();
      const page = await visitor.newPage();
      await page.goto(`${app}/`);
      await page.locator('#login').fill('alice');
      await page.locator('#password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await page.getByRole('heading', { name: 'Protected page' }).waitFor();
      const protectedPage = async (): Promise<number> =>
        (await visitor.request.get(`${app}/`, { maxRedirects: 0 })).status();
      assert.equal(await protectedPage(), 200);
      await page.goto(`${server.issuer}/connect/endsession`);
      await page.getByRole('button', { name: 'Yes, sign me out' }).click();
      await page.getByRole('status').waitFor();
      await server.outbox.deliver();
      assert.equal(await protectedPage(), 302, 'the application has let go of the session');
      await visitor.close();
    } finally {
      apache.kill('SIGTERM');
    }
  });

  it('Python’s Authlib gets tokens for a program and for a person, and refreshes them', async function () {
    needsFiles(
      this,
      [PYTHON, AUTHLIB],
      'python3-authlib and python3-requests (apt-get install python3-authlib python3-requests)',
    );
    const secret = await server.addClient('python', {
      grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password, GRANT_TYPES.refresh],
      scopes: ['openid', 'offline_access', 'isms.user.get'],
    });
    const script = `
import json, sys
from authlib.integrations.requests_client import OAuth2Session
issuer, secret, password = sys.argv[1:]
url = issuer + '/connect/token'
own = OAuth2Session('python', secret, scope='isms.user.get').fetch_token(url, grant_type='client_credentials')
session = OAuth2Session('python', secret, scope='openid offline_access isms.user.get')
first = session.fetch_token(url, username='alice', password=password)
second = session.refresh_token(url, refresh_token=first['refresh_token'])
info = session.get(issuer + '/connect/userinfo')
print(json.dumps({'own': own['scope'], 'rotated': first['refresh_token'] != second['refresh_token'], 'status': info.status_code}))
`;
    const { stdout } = await run(PYTHON, ['-c', script, server.issuer, secret, PASSWORD]);
    assert.deepEqual(JSON.parse(stdout), { own: 'isms.user.get', rotated: true, status: 200 });
  });
});
