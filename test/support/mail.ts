import type { AddressInfo } from 'node:net';
import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** A real SMTP server, which keeps what it is given. */
export interface MailServer {
  url: string;
  port: number;
  mails: ParsedMail[];
  /** The newest mail to an address, when it has come. */
  mailTo(address: string): Promise<ParsedMail>;
  close(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ParsedMail[] = [];
  const waiting: (() => void)[] = [];
  const server = new SMTPServer({
    authOptional: true,
    closeTimeout: 100, // pooled connections of whoever sends stay open otherwise
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, _session, done) {
      simpleParser(stream).then(
        (mail) => {
          mails.push(mail);
          for (const again of waiting.splice(0)) again();
          done();
        },
        (error: Error) => done(error),
      );
    },
  });
  server.on('error', () => undefined); // who sends is killed in the middle of a mail, in some tests
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const isTo = (mail: ParsedMail, address: string): boolean =>
    [mail.to ?? []].flat().some(({ text }) => text === address);
  return {
    mails,
    port,
    url: `smtp+insecure://127.0.0.1:${port}`,
    async mailTo(address) {
      for (;;) {
        const mail = mails.findLast((each) => isTo(each, address));
        if (mail) return mail;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** The six digits in a message. */
export const codeIn = (text: string | undefined): string => /\b\d{6}\b/.exec(text ?? '')?.[0] ?? 'no code';
