/** An address as everybody who reads the history may see it: without user, query and fragment, which can have a key in them. */
export function publicAddress(address: string): string {
  const url = new URL(address);
  url.username = url.password = url.search = url.hash = '';
  return url.href;
}
