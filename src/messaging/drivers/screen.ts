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
      announce(
        `${message.channel === 'sms' ? 'SMS' : 'Mail'} to ${message.to}: ${message.subject ?? message.text}`,
      );
    },
    of: (tenantId) => shown.filter((message) => message.tenantId === tenantId),
  };
}
