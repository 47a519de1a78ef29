import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

/**
 * The peer: a bare `node:http` server that reads a JSON body, looks the device up in a Map, makes the same salted hash and
 * answers as EMQX wants it. `PORT` says where, `DEVICES` how many there are.
 */
const devices = new Map<string, { salt: string; hash: Buffer }>();
for (let n = 0; n < Number(process.env['DEVICES']); n++) {
  const salt = randomBytes(16).toString('hex');
  const hash = createHash('sha256').update(`${salt}password-${n}`).digest();
  devices.set(`device-${String(n).padStart(7, '0')}`, { salt, hash });
}
createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { username, password } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
    const device = devices.get(username ?? '');
    const given = createHash('sha256')
      .update((device?.salt ?? '') + password)
      .digest();
    const allow = device !== undefined && timingSafeEqual(given, device.hash);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(allow ? { result: 'allow', is_superuser: false } : { result: 'deny' }));
  });
}).listen(Number(process.env['PORT']), '127.0.0.1', () => console.log('ready'));
