import assert from 'node:assert/strict';
import { codeIn, startMailServer, type MailServer } from './mail.js';
import { GENEROUS, type StoreKind } from './config.js';
import { startServer, type TestServer } from './server.js';
import type { Page, Visitor } from './visitor.js';

let made = 0;
export const newPhone = (): string => `+86139${String(10_000_000 + ++made)}`;
export const newMail = (): string => `person-${++made}@example.com`;

/** A code that is not this one. */
export const wrongOf = (code: string): string => (code === '000000' ? '000001' : '000000');

/** A server that people can register at, with a real mail server. */
export interface PeopleServer {
  server: TestServer;
  mails: MailServer;
  /** The code that came last to a number or an address. */
  codeTo(target: string): Promise<string>;
  /** As if the time between two codes had passed. */
  later(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPeopleServer(kind: StoreKind): Promise<PeopleServer> {
  const mails = await startMailServer();
  const env = { GATEHOUSE_SMTP_URL: mails.url, GATEHOUSE_MAIL_FROM: 'Example <no-reply@example.com>' };
  const server = await startServer(kind, env, GENEROUS);
  return {
    server,
    mails,
    async codeTo(target) {
      await server.outbox.deliver();
      const shown = server.screen.of(server.home.tenant.id).find(({ to }) => to === target);
      return codeIn(target.includes('@') ? (await mails.mailTo(target)).text : shown?.text);
    },
    async later() {
      await server.context.store.knex('rate_counts').where('id', 'like', 'code:spacing:%').delete();
    },
    async stop() {
      await server.stop();
      await mails.close();
    },
  };
}

/** Follows the page's link whose address contains `to`. */
export function follow(visitor: Visitor, page: Page, to: string): Promise<Page> {
  const link = new RegExp(`href="([^"]*${to}[^"]*)"`).exec(page.html)?.[1];
  assert.ok(link, `no link to ${to}: ${page.html.slice(0, 600)}`);
  return visitor.go(new URL(link.replaceAll('&amp;', '&'), page.url));
}
