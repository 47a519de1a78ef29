const CONTROL = /\p{Cc}/u;

/**
 * The two halves of Basic authentication (RFC 7617, 2): what stands before the first colon, and all after it. Undefined where
 * there is no colon, or a control character, which neither half may have.
 */
export function basicHalves(encoded: string): { name: string; secret: string } | undefined {
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon === -1 || CONTROL.test(text)
    ? undefined
    : { name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
