import type { ShownMessage } from '../schema.js';

const MOST_SHOWN = 200;

/** What would have been sent, for whoever develops on this machine: the newest first, as long as the process lives. */
export interface Screen {
  show(message: ShownMessage): void;
  /** Of one tenant. */
  of(tenantId: string): ShownMessage[];
}

/** @param announce gets a line for each. */
export function openScreen(announce: (line: string) => void): Screen {
  const shown: ShownMessage[] = [];
  return {
    show(message) {
      shown.unshift(message);
      shown.length = Math.min(shown.length, MOST_SHOWN);
      const kind = message.channel === 'sms' ? 'SMS' : 'Mail';
      announce(`${kind} to ${message.to}: ${message.text.replace(/\s+/g, ' ').trim()}`);
    },
    of: (tenantId) => shown.filter((message) => message.tenantId === tenantId),
  };
}
