import { request } from 'node:http';
import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { basic } from '../test/support/http.js';
import { start } from '../src/main.js';
import { CLIENT_SECRET, configFor, STORES } from '../test/support/config.js';

/** A hundred thousand users of another system, with their hashes, over REST: how long it takes, and how long to send them again. */
const USERS = Number(process.env['USERS'] ?? 100_000);
const HASH = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';

function* lines(): Iterable<string> {
  for (let n = 0; n < USERS; n += 1)
    yield `${JSON.stringify({
      userName: `imported-${n}`,
      nickName: `Person ${n}`,
      email: `imported${n}@example.com`,
      phoneNumber: `+4915${String(n).padStart(9, '0')}`,
      roles: ['user'],
      passwordHash: HASH,
    })}\n`;
}

async function tokenOf(issuer: string): Promise<string> {
  const answer = await fetch(`${issuer}/connect/token`, {
    method: 'POST',
    headers: { authorization: basic('gatehouse-cli', CLIENT_SECRET) },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'isms.user.import' }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Sends all lines; answers how many had each result, and the seconds. */
async function upload(
  port: number,
  token: string,
): Promise<{ seconds: number; results: Map<string, number> }> {
  const began = performance.now();
  const results = new Map<string, number>();
  await new Promise<void>((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/api/User/Import',
        headers: {
          host: `localhost:${port}`,
          authorization: `Bearer ${token}`,
          'content-type': 'application/x-ndjson',
        },
      },
      (response) => {
        const answers = createInterface({ input: response });
        answers.on('line', (line) => {
          const { result = line } = JSON.parse(line) as { result?: string };
          results.set(result, (results.get(result) ?? 0) + 1);
        });
        answers.on('close', resolve);
      },
    );
    sent.on('error', reject);
    Readable.from(lines()).pipe(sent);
  });
  return { seconds: (performance.now() - began) / 1000, results };
}

for (const kind of STORES.filter((each) => (process.env['STORE'] ?? each) === each)) {
  const gatehouse = await start(await configFor(kind));
  try {
    const token = await tokenOf(gatehouse.home.tenant.issuer);
    for (const time of ['first time', 'again']) {
      const { seconds, results } = await upload(gatehouse.port, token);
      if (results.has('refused')) throw new Error(`${results.get('refused')} users were refused`);
      const told = [...results].map(([result, count]) => `${count} ${result}`).join(', ');
      console.log(`${kind}, ${time.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s   ${told}`);
    }
  } finally {
    await gatehouse.stop();
  }
}
process.exit(0);
