import assert from 'node:assert/strict';
import type { ShownMessage } from '../../../src/messaging/index.js';
import type { Caller } from '../../support/area.js';
import type { TestServer } from '../../support/server.js';

let made = 0;

/** A new API, as its owner makes one. */
export const newApi = async (owner: Caller, displayName?: string): Promise<string> =>
  (await owner.done('POST', '/api/ApiResource', { name: `api-${++made}`, displayName }))['id'] as string;

/** The link in a mail that leads to this operation, as a path. */
export function linkIn(text: string | undefined, what: 'AddSubscription' | 'DelSubscription'): string {
  const [link] = new RegExp(`http\\S+/${what}\\?code=\\S+`).exec(text ?? '') ?? [];
  assert.ok(link, `no link to ${what} in ${text}`);
  const { pathname, search } = new URL(link);
  return pathname + search;
}

/** What was shown to an address, the newest first. */
export async function mailsTo(server: TestServer, email: string): Promise<ShownMessage[]> {
  await server.outbox.deliver();
  return server.screen.of(server.home.tenant.id).filter(({ to }) => to === email);
}

/** The link by which an address confirms, out of the mail that was sent to it. */
export async function confirmationLink(
  server: TestServer,
  owner: Caller,
  api: string,
  email: string,
  headers: Record<string, string> = {},
): Promise<string> {
  await owner.done('POST', `/api/ApiResource/${api}/Subscriptions/VerifyEmail`, { email }, { headers });
  const [mail] = await mailsTo(server, email);
  return linkIn(mail?.text, 'AddSubscription');
}

/** Puts an address on the list of an API, through the mail. */
export async function subscribed(
  server: TestServer,
  owner: Caller,
  api: string,
  email: string,
  headers: Record<string, string> = {},
): Promise<void> {
  await owner.done('GET', await confirmationLink(server, owner, api, email, headers));
}

/** The addresses on the list of an API. */
export async function listOf(owner: Caller, api: string): Promise<string[]> {
  const { body } = await owner.ask('GET', `/api/ApiResource/${api}/Subscriptions?take=100`);
  return (body['data'] as { email: string }[]).map(({ email }) => email).sort();
}
