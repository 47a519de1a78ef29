import { createHash } from 'node:crypto';

/** Characters that a name is kept with: PostgreSQL takes no index entry of more than 2,700 bytes. */
const LONGEST_NAME = 300;
const DIGEST = 16;

/** A name as it is stored: text that both databases take, shortened in a way that keeps names apart. */
export function storedName(name: string): string {
  const text = name.replace(/[\p{Cs}\0]/gu, '\ufffd');
  if (text.length <= LONGEST_NAME) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, DIGEST);
  return `${text.slice(0, LONGEST_NAME).replace(/\p{Cs}/gu, '')}…${digest}`;
}
