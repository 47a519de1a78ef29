import dns, { type LookupAddress } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Reach } from './private-networks.js';

/**
 * Finds the addresses of a host whose name a caller may have chosen. DNS is asked without threads: the system's own function
 * (getaddrinfo) holds one of the two threads that libuv has for it until an answer comes, so a few names whose name server is
 * silent would delay everybody's names.
 */

/** How long a name server has for its first answer, and how long all of it may take. */
const FIRST_TRY_MS = 2000;
const TRIES = 2;
const LIMIT_MS = 5000;

const WINDOWS = process.platform === 'win32';
const HOSTS = WINDOWS
  ? join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'hosts')
  : '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';

/** Read each time: both are short, and change while the process runs. */
const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

const wordsOf = (line: string): string[] =>
  line
    .replace(/[#;].*/, '')
    .trim()
    .split(/\s+/);

/** The addresses that a hosts file (hosts(5)) has for a name. */
export const listedIn = (hosts: string, name: string): string[] =>
  hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = wordsOf(line);
    return isIP(address) !== 0 && names.some((each) => each.toLowerCase() === name) ? [address] : [];
  });

/** The names to ask for, in order, by the `search` and `ndots` of a resolver's configuration (resolv.conf(5)). */
export function candidatesOf(resolvConf: string, host: string): string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)];
  let domains: string[] = [];
  let ndots = 1;
  for (const line of resolvConf.split('\n')) {
    const [keyword, ...values] = wordsOf(line);
    if (keyword === 'search' || keyword === 'domain') domains = values;
    const option = keyword === 'options' ? values.find((value) => /^ndots:\d+$/.test(value)) : undefined;
    if (option !== undefined) ndots = Number(option.slice('ndots:'.length));
  }
  const found = domains.map((domain) => `${host}.${domain.replace(/^\.|\.$/g, '')}`);
  return host.split('.').length > ndots ? [host, ...found] : [...found, host];
}

/** Single labels, and names that no name server of the Internet has (RFC 6761, 6762 with its appendix G, 8375). */
const LOCAL =
  /^[^.]+$|(^|\.)(localhost|local|localdomain|internal|intranet|private|corp|home|home\.arpa|lan|svc)$/;

/** IPv4 comes first, but on a machine that has none to the outside. */
function inOrder(v4: readonly string[], v6: readonly string[]): LookupAddress[] {
  const outside = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const hasV4 = outside.some(({ family, internal }) => family === 'IPv4' && !internal);
  const hasV6 = outside.some(({ family, internal }) => family === 'IPv6' && !internal);
  const found = hasV6 && !hasV4 ? [...v6, ...v4] : [...v4, ...v6];
  return found.map((address) => ({ address, family: isIP(address) }));
}

/**
 * The name servers when the process began. They are read again for each name, unless the process has set others since
 * (`dns.setServers`, which functions that were imported by name do not follow).
 */
const atStart = dns.getServers().join();

function newResolver(): dns.promises.Resolver {
  const resolver = new dns.promises.Resolver({ timeout: FIRST_TRY_MS, tries: TRIES });
  const servers = dns.getServers();
  if (servers.join() !== atStart) resolver.setServers(servers);
  return resolver;
}

/** A name has no address, and its name servers say so. */
const isNone = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOTFOUND' || code === 'ENODATA';

/** A name leads nowhere. The code is the resolver's: logs have it in place of the message, which names the host. */
class NameUnresolved extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** No answer of the name servers came in time. */
class NoAnswerOfDns extends NameUnresolved {}

/** The addresses that DNS has, of the first of these names that has any. @throws Error */
async function askDns(host: string, names: readonly string[]): Promise<LookupAddress[]> {
  const resolver = newResolver(); // one for each host: a silent name server counts against no other
  let isOver = false;
  const deadline = setTimeout(() => {
    isOver = true;
    resolver.cancel();
  }, LIMIT_MS);
  const errors: NodeJS.ErrnoException[] = [];
  const failed = (error: NodeJS.ErrnoException): string[] => {
    errors.push(error);
    return [];
  };
  try {
    for (const name of names) {
      const found = await Promise.all([
        resolver.resolve4(name).catch(failed),
        resolver.resolve6(name).catch(failed),
      ]);
      const addresses = inOrder(...found);
      if (addresses.length > 0) return addresses;
      if (isOver) break;
    }
  } finally {
    clearTimeout(deadline);
  }
  const [error] = errors.filter((each) => !isNone(each));
  if (!error) throw new NameUnresolved(`"${host}" has no address`, 'ENOTFOUND');
  if (isOver || error.code === 'ETIMEOUT')
    throw new NoAnswerOfDns(`the name servers of "${host}" do not answer`, 'ETIMEOUT');
  const code = error.code ?? error.name;
  throw new NameUnresolved(`the address of "${host}" cannot be found (${code})`, code);
}

const askSystem = (host: string): Promise<LookupAddress[]> => dns.promises.lookup(host, { all: true });

/**
 * The addresses of a host, as the system would find them: by the hosts file, then by DNS. The system itself is asked only for
 * local names, where the reach has more than the Internet, and where the operator wrote the name and DNS has no answer.
 * @throws Error where there is none, after 5 seconds at most
 */
export async function addressesOf(host: string, reach: Reach): Promise<LookupAddress[]> {
  const name = host.toLowerCase().replace(/\.$/, '');
  const listed = listedIn(await textOf(HOSTS), name);
  if (listed.length > 0) return listed.map((address) => ({ address, family: isIP(address) }));
  const isWide = reach === 'anywhere' || reach.length > 0;
  if (isWide && LOCAL.test(name)) return askSystem(host);
  const names = candidatesOf(WINDOWS ? '' : await textOf(RESOLV_CONF), host);
  try {
    return await askDns(host, names);
  } catch (error) {
    if (reach !== 'anywhere' || error instanceof NoAnswerOfDns) throw error;
    return askSystem(host);
  }
}
