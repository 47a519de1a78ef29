import assert from 'node:assert/strict';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

describe('the management API’s page', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
    await server.addUser({ userName: 'ada', roles: ['administrator'] });
  });
  after(() => server.stop());

  it('lets a newcomer sign in and try an operation, from nothing but the page', async function () {
    needsBrowser(this);
    const visitor = await newVisitor();
    const page = await visitor.newPage();
    const elsewhere: string[] = [];
    const broken: string[] = [];
    visitor.on('request', (request) => {
      if (!request.url().startsWith(server.issuer) && !request.url().startsWith('data:'))
        elsewhere.push(request.url());
    });
    page.on('console', (message) => message.type() === 'error' && broken.push(message.text()));
    await page.goto(`${server.issuer}/docs`);
    await page.getByRole('button', { name: 'Authorize' }).click();
    // The first way is code with PKCE; the second, client credentials, is for programs.
    const way = page.locator('.modal-ux-content > .auth-container').first();
    assert.equal(await way.locator('.scopes input:checked').count(), 0);
    await way.locator('label[for^="isms.role.get-"]').click();
    const [popup] = await Promise.all([
      page.waitForEvent('popup'),
      way.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click(),
    ]);
    await popup.locator('[name=login]').fill('ada');
    await popup.locator('[name=password]').fill(PASSWORD);
    await popup.locator('button[type=submit]').first().click();
    const closed = popup.waitForEvent('close');
    await popup.locator('form[action*="/consent"] button[type=submit]').first().click();
    await closed;
    await way.getByText('Logout').waitFor();
    await way.getByText('Close').click();
    await page.locator('#operations-tag-Role').click();
    const operation = page.locator('#operations-Role-role_get');
    await operation.getByRole('button').first().click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    const answer = operation.locator('.live-responses-table .response').first();
    await answer.locator('.response-col_status').filter({ hasText: '200' }).waitFor();
    assert.match(await answer.innerText(), /"administrator"/);
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(broken, []);
    await visitor.close();
  });
});
