import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  LIMITS,
  makeFolder,
  nodeCommand,
  readOutput,
  removeLeftovers,
  Tool,
  ToolFailed,
  type Limits,
  type RunFolder,
} from '../../../src/codegen/process/index.js';
import { pathProblem } from '../../../src/codegen/process/paths.js';
import type { Following } from '../../../src/codegen/types.js';
import { packageRoot } from '../../../src/kernel/root.js';

/** Waits until something is so; the file's time limit ends it. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await delay(20);
}

/** Whether a process runs. One that has ended, and was not yet collected, does not. */
function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !readFileSync(file, 'utf8').includes(') Z ');
}

interface Ran {
  folder: RunFolder;
  lines: string[];
  failure: unknown;
}

/** Runs a script as a tool, with or without Node's permissions. */
async function run(
  script: string,
  {
    limits: given = {},
    isBuilt = false,
    order = null,
    following = {},
  }: { limits?: Partial<Limits>; isBuilt?: boolean; order?: unknown; following?: Following } = {},
): Promise<Ran> {
  const limits = { ...LIMITS, ...given };
  const folder = await makeFolder();
  const file = join(folder.path, 'tool.mjs');
  await writeFile(file, script);
  const { heapMegabytes } = limits;
  const command = nodeCommand({ file, loader: [], isBuilt }, { folder, heapMegabytes, libraries: [] });
  const tool = new Tool(folder, command, limits);
  const lines: string[] = [];
  const failure = await tool
    .run(order, {
      ...following,
      line: (text) => {
        lines.push(text);
        following.line?.(text);
      },
    })
    .catch((error: unknown) => error);
  return { folder, lines, failure };
}

const messageOf = (failure: unknown): string =>
  failure instanceof ToolFailed ? failure.message : `no ToolFailed: ${String(failure)}`;

describe('a tool of code generation', () => {
  it('gets its order, a folder that only this user can read, and no environment [SEC-C5]', async () => {
    const { folder, lines, failure } = await run(
      `import { text } from 'node:stream/consumers';
       console.log(await text(process.stdin));
       console.log(JSON.stringify(process.env), process.cwd().includes('gatehouse-codegen-'));`,
      { order: { client: 'fetch' } },
    );
    assert.equal(failure, undefined);
    assert.deepEqual(lines, ['{"client":"fetch"}', '{} true']);
    assert.equal(statSync(folder.path).mode & 0o777, 0o700);
    await folder.remove();
    assert.equal(existsSync(folder.path), false);
  });

  it('answers its lines without colours, control characters and paths of the machine', async () => {
    const { folder, lines, failure } = await run(
      `console.log('\\u001b[31mred\\u001b[0m \\u0007bell ' + process.cwd() + '/out/a.ts');
       console.error(${JSON.stringify(packageRoot)} + '/node_modules/x');
       console.log('x'.repeat(5000)); process.exitCode = 1;`,
    );
    await folder.remove();
    assert.deepEqual(lines.toSorted(), ['/node_modules/x', 'red  bell /out/a.ts', 'x'.repeat(1000)]);
    assert.ok(failure instanceof ToolFailed);
    assert.deepEqual(failure.lastLines.toSorted(), lines.toSorted());
  });

  const FAILING: [what: string, script: string, limits: Partial<Limits>, says: RegExp][] = [
    ['takes too long', 'setInterval(() => 0, 1000)', { milliseconds: 500 }, /did not end within 0\.5 s/],
    ['never gives up the processor', 'for (;;);', { milliseconds: 500 }, /did not end within 0\.5 s/],
    [
      'takes too much memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill(all.length));',
      { heapMegabytes: 32 },
      /needs more than 32 MiB/,
    ],
    [
      'writes too much',
      `import fs from 'node:fs'; setInterval(() => fs.appendFileSync('out/a', 'x'.repeat(1e6)), 1);`,
      { outputBytes: 3_000_000 },
      /more than 3000000 bytes/,
    ],
    [
      'writes too many files',
      `import fs from 'node:fs'; let n = 0; setInterval(() => fs.writeFileSync('out/' + n++, ''), 1);`,
      { outputFiles: 20 },
      /more than 20 files/,
    ],
    ['fails', 'console.error("no such schema"); process.exit(3)', {}, /failed: no such schema$/],
  ];
  for (const [what, script, limits, says] of FAILING)
    it(`is ended where it ${what} [SEC-C5]`, async () => {
      const { folder, failure } = await run(script, { limits });
      await folder.remove();
      assert.match(messageOf(failure), says);
    });

  it('may take longer than a call waits where its caller says so', async () => {
    const { folder, failure } = await run('', {
      limits: { milliseconds: 1 },
      following: { milliseconds: 60_000 },
    });
    await folder.remove();
    assert.equal(failure, undefined);
  });

  const CHILDREN = `import { spawn } from 'node:child_process';
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'ignore' });
    console.log(child.pid); setInterval(() => 0, 1000);`;

  it('is killed with its children when it is aborted [SEC-C5]', async () => {
    const leaving = new AbortController();
    let child = 0;
    const { folder, failure } = await run(CHILDREN, {
      following: {
        signal: leaving.signal,
        line: (text) => {
          child = Number(text);
          leaving.abort(new Error('the caller went away'));
        },
      },
    });
    await folder.remove();
    assert.equal((failure as Error).message, 'the caller went away');
    await until(() => !isRunning(child));
  });

  it('ends with its children when the server is killed [SEC-C5]', async () => {
    const module = new URL('../../../src/codegen/process/index', import.meta.url).href;
    const extension = import.meta.url.endsWith('.js') ? '.js' : '.ts';
    const server = `
      const { makeFolder, nodeCommand, Tool, LIMITS } = await import(${JSON.stringify(module + extension)});
      const { writeFile } = await import('node:fs/promises');
      const folder = await makeFolder();
      await writeFile(folder.path + '/tool.mjs', ${JSON.stringify(`${CHILDREN} console.log(process.pid); for (;;);`)});
      const entry = { file: folder.path + '/tool.mjs', loader: [], isBuilt: false };
      const tool = new Tool(folder, nodeCommand(entry, { folder, heapMegabytes: 64, libraries: [] }), LIMITS);
      await tool.run(null, { line: (text) => console.log(folder.path, text) });`;
    const loader = extension === '.ts' ? ['--import', 'tsx'] : [];
    const killed = spawn(process.execPath, [...loader, '--input-type=module', '-e', server], {
      cwd: packageRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    killed.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(() => said.trim().split('\n').length === 2);
    killed.kill('SIGKILL');
    const [folder = '', ...pids] = said
      .trim()
      .split(/\s+/)
      .filter((word, index) => index === 0 || /^\d+$/.test(word));
    assert.equal(pids.length, 2);
    for (const pid of pids) await until(() => !isRunning(Number(pid)));
    assert.equal(existsSync(folder), true);
    await removeLeftovers();
    assert.equal(existsSync(folder), false);
  });

  it('with Node’s permissions writes its output alone, and starts nothing [SEC-C5]', async () => {
    const { folder, lines, failure } = await run(
      `import fs from 'node:fs'; import { spawnSync } from 'node:child_process'; import { Worker } from 'node:worker_threads';
       const tries = {
         output: () => fs.writeFileSync('out/a.ts', ''),
         beside: () => fs.writeFileSync('b', ''),
         above: () => fs.writeFileSync('out/../../b', ''),
         read: () => fs.readFileSync('/etc/passwd'),
         link: () => fs.symlinkSync('/etc/passwd', 'out/link'),
         program: () => { const { error } = spawnSync('id'); if (error) throw error; },
         thread: () => new Worker('', { eval: true }),
       };
       for (const [name, act] of Object.entries(tries))
         try { act(); console.log(name, 'done'); } catch (error) { console.log(name, error.code); }`,
      { isBuilt: true },
    );
    await folder.remove();
    assert.equal(failure, undefined);
    const refused = ['beside', 'above', 'read', 'link', 'program', 'thread'];
    assert.deepEqual(lines, ['output done', ...refused.map((name) => `${name} ERR_ACCESS_DENIED`)]);
  });
});

describe('what a tool has written', () => {
  const REFUSED: [what: string, write: () => void, says: RegExp][] = [
    ['a symbolic link', () => symlinkSync('/etc/passwd', 'a.ts'), /"a.ts" is not a regular file/],
    ['a link to a folder', () => symlinkSync('/etc', 'etc'), /"etc" is not a regular file/],
    ['a hard link', () => linkSync('../x', 'a.ts'), /"a.ts" is not a regular file/],
    ['bytes that are no text', () => writeFileSync('a.ts', Buffer.from([255])), /not text in UTF-8/],
    ['a backslash in a name', () => writeFileSync('..\\a.ts', ''), /character in its path/],
    ['a line break in a name', () => writeFileSync('a\nb', ''), /character in its path/],
    ['a long path', () => writeLong(), /300 characters/],
    ['deep folders', () => mkdirSync('a/'.repeat(30), { recursive: true }), /20 folders deep/],
    ['a file that is too large', () => writeFileSync('a.ts', 'x'.repeat(2000)), /more than 1000 bytes/],
  ];
  const writeLong = (): void => {
    mkdirSync('a'.repeat(200));
    writeFileSync(`${'a'.repeat(200)}/${'b'.repeat(150)}`, '');
  };

  /** Writes into a folder of output as a tool does, and reads it. */
  async function readAfter(write: () => void) {
    const folder = await makeFolder();
    const before = process.cwd();
    try {
      writeFileSync(join(folder.path, 'x'), '');
      process.chdir(folder.output);
      write();
      return await readOutput(folder.output, { outputBytes: 1000, outputFiles: 10 });
    } finally {
      process.chdir(before);
      await folder.remove();
    }
  }

  for (const [what, write, says] of REFUSED)
    it(`is refused with ${what}`, () =>
      assert.rejects(readAfter(write), (error) => says.test(messageOf(error))));

  it('is read by paths, in their order', async () => {
    const files = await readAfter(() => {
      mkdirSync('b');
      writeFileSync('b/c.ts', 'é');
      writeFileSync('a.ts', '');
    });
    assert.deepEqual(
      [...files],
      [
        ['a.ts', ''],
        ['b/c.ts', 'é'],
      ],
    );
  });

  for (const path of ['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', '', 'a\\..\\b', 'a\u202eb', 'C:\\a'])
    it(`may not be at ${JSON.stringify(path)} [SEC-C6]`, () => assert.notEqual(pathProblem(path), undefined));
});

describe('folders that a killed server has left', () => {
  it('are removed, and those of servers that run stay', async () => {
    const mine = await makeFolder();
    const [, machine = ''] = /gatehouse-codegen-([0-9a-f]+)-/.exec(mine.path) ?? [];
    // No process can have a number that is as high.
    const left = await mkdtemp(join(tmpdir(), `gatehouse-codegen-${machine}-${2 ** 22 + 1}-`));
    const other = await mkdtemp(join(tmpdir(), `gatehouse-codegen-${machine}-${process.ppid}-`));
    await mkdir(join(left, 'out'));
    await removeLeftovers();
    assert.deepEqual([mine.path, left, other].map(existsSync), [true, false, true]);
    await mine.remove();
    await rm(other, { recursive: true });
  });
});
