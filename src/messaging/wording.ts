import { renderView, say, type Look } from '../kernel/pages.js';
import type { Mail, Message, Sms } from './schema.js';

/** The tenant as messages show it. */
export interface Sender extends Look {
  issuer: string;
}

export function mailOf({ to, template, locale, values }: Message, sender: Sender): Mail {
  const places = { ...values, name: sender.name };
  const word = (part: string): string => say(locale, `mail.${template}.${part}`, places);
  const data = {
    locale,
    look: sender,
    subject: word('subject'),
    lead: word('lead'),
    code: values['code'],
    note: word('note'),
    footer: say(locale, 'mail.footer', { ...places, issuer: sender.issuer }),
  };
  return {
    to,
    subject: data.subject,
    text: renderView('mail/text', data),
    html: renderView('mail/html', data),
  };
}

export const smsOf = ({ to, template, locale, values }: Message, sender: Sender): Sms => ({
  to,
  text: say(locale, `sms.${template}`, { ...values, name: sender.name }),
  code: values['code'],
});
