import { renderView, say, type Look } from '../kernel/pages.js';
import type { Mail, Message, PathOfIssuer, Sms } from './schema.js';

/** The tenant as messages show it. */
export interface Sender extends Look {
  issuer: string;
}

/** An address at the sender's own origin, whatever the path says. */
const addressOf = ({ issuer }: Sender, path: PathOfIssuer): string =>
  new URL(new URL(issuer).origin + path).href;

/** A subject is one line, whatever the values have in them. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

export function mailOf(
  { to, template, locale, values, quoted, link, address, unsubscribe }: Message,
  sender: Sender,
): Mail {
  const places = { ...values, name: sender.name };
  const word = (part: string): string => say(locale, `mail.${template}.${part}`, places);
  /** An address with its words, and both as a line of text. */
  const leadsTo = (words: string, path: PathOfIssuer | undefined) => {
    if (path === undefined) return undefined;
    const whole = addressOf(sender, path);
    return { words, address: whole, line: say(locale, 'mail.leads_to', { words, address: whole }) };
  };
  const data = {
    locale,
    look: sender,
    subject: oneLine(word('subject')),
    lead: word('lead'),
    code: values['code'],
    quoted,
    link: leadsTo(word('link'), link),
    address: leadsTo(word('address'), address),
    note: word('note'),
    unsubscribe: leadsTo(say(locale, 'mail.unsubscribe'), unsubscribe),
    footer: say(locale, 'mail.footer', { ...places, issuer: sender.issuer }),
  };
  return {
    to,
    subject: data.subject,
    text: renderView('mail/text', data),
    html: renderView('mail/html', data),
    unsubscribe: data.unsubscribe?.address,
  };
}

export const smsOf = ({ to, template, locale, values }: Message, sender: Sender): Sms => ({
  to,
  text: say(locale, `sms.${template}`, { ...values, name: sender.name }),
  code: values['code'],
});
