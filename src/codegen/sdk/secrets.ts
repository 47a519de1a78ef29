/** Other ways in which a secret is written in answers and addresses. */
const spellingsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('base64url'),
];

/** A text without a secret, whatever has put it there. */
export const withoutSecret = (text: string, secret: string | undefined): string =>
  secret === undefined || secret === ''
    ? text
    : spellingsOf(secret).reduce((said, each) => said.replaceAll(each, '***'), text);

/** Whether a text has a secret in it. */
export const hasSecret = (text: string, secret: string | undefined): boolean =>
  secret !== undefined && secret !== '' && spellingsOf(secret).some((each) => text.includes(each));
