/** An address as everybody who reads the history may see it: without query and fragment, which can have a key in them. */
export function publicAddress(address: string): string {
  const url = new URL(address);
  url.search = url.hash = '';
  return url.href;
}
