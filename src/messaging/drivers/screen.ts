import { randomBytes } from 'node:crypto';
import type { ShownMessage } from '../schema.js';

const MOST_SHOWN = 200;

/** What would have been sent, for whoever develops on this machine: the newest first, as long as the process lives. */
export interface Screen {
  /** What a browser has to show before it sees any of it; random for each process. */
  readonly key: string;
  show(message: ShownMessage): void;
  /** Of one tenant. */
  of(tenantId: string): ShownMessage[];
}

/** @param announce gets a line for each. */
export function openScreen(announce: (line: string) => void): Screen {
  const shown: ShownMessage[] = [];
  return {
    key: randomBytes(32).toString('base64url'),
    show(message) {
      shown.unshift(message);
      shown.length = Math.min(shown.length, MOST_SHOWN);
      const kind = message.channel === 'sms' ? 'SMS' : 'Mail';
      announce(`${kind} to ${message.to}: ${message.text.replace(/\s+/g, ' ').trim()}`);
    },
    of: (tenantId) => shown.filter((message) => message.tenantId === tenantId),
  };
}
