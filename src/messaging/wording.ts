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
  { to, template, locale, values, quoted, link, unsubscribe }: Message,
  sender: Sender,
): Mail {
  const places = { ...values, name: sender.name };
  const word = (part: string): string => say(locale, `mail.${template}.${part}`, places);
  const data = {
    locale,
    look: sender,
    subject: oneLine(word('subject')),
    lead: word('lead'),
    code: values['code'],
    quoted,
    link: link === undefined ? undefined : { address: addressOf(sender, link), words: word('link') },
    note: word('note'),
    unsubscribe: unsubscribe === undefined ? undefined : {
      address: addressOf(sender, unsubscribe),
      words: say(locale, 'mail.unsubscribe'),
    },
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
