import { parse } from '../../../src/kernel/json.js';
import type { Config } from '../../../src/config.js';
import { start } from '../../../src/main.js';

/** A server in a process of its own, whose jobs are taken by another one soon after it is killed. */
const config = parse<Config>(process.env['CONFIG']);
await start(config, { jobs: { times: { lease: 1500, renew: 200 } } });
process.stdout.write('ready\n');
