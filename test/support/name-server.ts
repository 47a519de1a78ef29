import { createSocket } from 'node:dgram';
import dns from 'node:dns';
import { createServer, isIP, type AddressInfo } from 'node:net';

/** What a name leads to: addresses of both families, after a name that stands for another. */
interface Known {
  addresses?: readonly string[];
  alias?: string;
}

/** A name server on this machine, over UDP and TCP as RFC 1035 has it. */
export interface NameServer {
  /** What was asked, in order: `A quick.example`. */
  asked: string[];
  /** Resolves when so many questions have come in all. */
  hasAsked(count: number): Promise<void>;
  close(): void;
}

const TYPES: Record<number, string> = { 1: 'A', 28: 'AAAA' };
const [NO_SUCH_NAME, CNAME, TTL] = [3, 5, 0];
/** What fits into one datagram. */
const MOST_BYTES = 512;

function nameAt(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let size = message[at] ?? 0; size > 0; size = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + size));
    at += size + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.of(0),
  ]);

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const [first, last] = [head, tail].map((part) => part.split(':').filter(Boolean)) as [string[], string[]];
  const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(TTL, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(name), fixed, data]);
}

function answersOf(name: string, type: number, { addresses = [], alias }: Known): Buffer[] {
  const owner = alias ?? name;
  return [
    ...(alias === undefined ? [] : [record(name, CNAME, nameBytes(alias))]),
    ...addresses
      .filter((address) => isIP(address) === (type === 1 ? 4 : 6))
      .map((address) => record(owner, type, addressBytes(address))),
  ];
}

/**
 * Starts a name server, and makes it the one of this process until it closes.
 * @param find what a name leads to; undefined where there is no such name, `silent` where no answer is to come
 */
export async function startNameServer(
  find: (name: string, type: string) => Known | 'silent' | undefined,
): Promise<NameServer> {
  const asked: string[] = [];
  const waiting: { count: number; done: () => void }[] = [];

  function answer(question: Buffer, most: number): Buffer | undefined {
    const { name, end } = nameAt(question, 12);
    const type = question.readUInt16BE(end);
    asked.push(`${TYPES[type] ?? type} ${name}`);
    for (const { count, done } of waiting) if (asked.length >= count) done();
    const known = find(name, TYPES[type] ?? '');
    if (known === 'silent') return undefined;
    const header = Buffer.alloc(12);
    question.copy(header, 0, 0, 2);
    const answers = known ? answersOf(name, type, known) : [];
    const body = Buffer.concat([question.subarray(12, end + 4), ...answers]);
    const isCut = 12 + body.length > most;
    header.writeUInt16BE(0x8180 | (isCut ? 0x200 : 0) | (known ? 0 : NO_SUCH_NAME), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(isCut ? 0 : answers.length, 6);
    return isCut ? Buffer.concat([header, question.subarray(12, end + 4)]) : Buffer.concat([header, body]);
  }

  const udp = createSocket('udp4');
  udp.on('message', (question, { port, address }) => {
    const bytes = answer(question, MOST_BYTES);
    if (bytes) udp.send(bytes, port, address);
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (framed: Buffer) => {
      const bytes = answer(framed.subarray(2), 65_535);
      if (bytes) socket.end(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as AddressInfo;
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  const before = dns.getServers();
  dns.setServers([`127.0.0.1:${port}`]);
  return {
    asked,
    hasAsked: (count) =>
      new Promise<void>((done) => {
        if (asked.length >= count) done();
        else waiting.push({ count, done });
      }),
    close() {
      dns.setServers(before);
      udp.close();
      tcp.close();
    },
  };
}
