/** Control characters, half characters, and what turns the direction of the text around it. */
const UNSAFE = /[\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069]+/gu;

/** Text of others on one line that is safe to show and to store. */
export const shownText = (text: string): string => text.replace(UNSAFE, ' ').trim();
