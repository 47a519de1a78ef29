/** The two halves of Basic authentication (RFC 7617, 2): what stands before the first colon, and all after it. */
export function basicHalves(encoded: string): { name: string; secret: string } | undefined {
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
