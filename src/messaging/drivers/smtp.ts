import { isIP } from 'node:net';
import pLimit from 'p-limit';
import type { MailDriverSettings } from '../../kernel/message-drivers.js';
import { addressWithin } from '../../kernel/checked-addresses.js';
import type { Reach } from '../../kernel/private-networks.js';
import { OutcomeUnknown, Refused } from '../../jobs/index.js';
import type { Driver, Mail } from '../schema.js';

type Settings = Extract<MailDriverSettings, { driver: 'smtp' }>;

const TIMEOUT_MS = 10_000;
/** For a whole mail: a server that writes a little now and then is never idle. */
const MAIL_MS = 30_000;
const CONNECTIONS = 5;

/** Whether the server may have taken the mail: it had all of it, and what it said did not come. */
const mayHaveArrived = ({ command, responseCode }: { command?: string; responseCode?: number }): boolean =>
  command === 'DATA' && responseCode === undefined;

/** Whether the server says no to this mail for good (RFC 5321, 4.2.1). */
const isRefusal = ({ responseCode = 0 }: { responseCode?: number }): boolean => responseCode >= 500;

/**
 * The headers of a mail that its words do not make. The address is as `URL` writes it, so it has no blanks and no `<>`; it is
 * not folded, because programs look for it in one line (RFC 8058, 3.1).
 */
const headersOf = ({ unsubscribe }: Mail) => ({
  'Auto-Submitted': 'auto-generated',
  ...(unsubscribe !== undefined && {
    'List-Unsubscribe': { prepared: true, value: `<${unsubscribe}>` },
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  }),
});

/**
 * Mail by SMTP (RFC 5321), over TLS unless the settings say `none`.
 * @param mailMs what one mail may take, in milliseconds.
 */
export function smtpDriver(settings: Settings, reach: Reach, mailMs = MAIL_MS): Driver<Mail> {
  const { host, port, security = 'starttls', user, password, from } = settings;
  const open = async () => {
    const { createTransport } = await import('nodemailer'); // not before there is a mail
    return createTransport({
      pool: true,
      maxConnections: CONNECTIONS,
      host: await addressWithin({ host, port }, reach),
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      tls: { servername: isIP(host) ? undefined : host },
      ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  };
  let transport: ReturnType<typeof open> | undefined;
  const opened = async () => {
    try {
      return await (transport ??= open());
    } catch (error) {
      transport = undefined; // the name may lead elsewhere the next time
      throw error;
    }
  };
  // No more at once than there are connections: one that only waits for a connection has not left yet.
  const limit = pLimit(CONNECTIONS);
  return {
    send: (id, mail, ready) =>
      limit(async () => {
        const signal = AbortSignal.timeout(mailMs);
        const { to, subject, text, html } = mail;
        const server = await opened();
        await ready?.();
        try {
          await server.sendMail({
            ...{ to, subject, text, html, from, signal },
            messageId: `<${id}@${domainOf(from)}>`,
            headers: headersOf(mail),
          });
        } catch (error) {
          if (signal.aborted) throw new OutcomeUnknown(`the mail server took longer than ${mailMs} ms`);
          if (mayHaveArrived(error as object)) throw new OutcomeUnknown((error as Error).message);
          transport = undefined; // the name may lead elsewhere the next time
          throw isRefusal(error as object) ? new Refused((error as Error).message) : error;
        }
      }),
    close: () => void transport?.then((opened) => opened.close()).catch(() => undefined),
  };
}

const domainOf = (from: string): string => /@([A-Za-z0-9.-]+)/.exec(from)?.[1] ?? 'localhost';
