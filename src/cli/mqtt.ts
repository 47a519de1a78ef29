import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import type { KeptDevice } from '../mqtt/index.js';
import { FORMATS, KINDS, type Format, type Kind } from '../mqtt/schema.js';
import type { StoreContext } from '../store-context.js';
import type { Run } from './io.js';
import { print } from './output.js';
import { inTenant, tenantDbOf, tenantOf, withContext } from './session.js';

interface Options {
  tenant?: string;
  json?: boolean;
  kind: Kind;
  format?: Format;
}

const AT_ONCE = 5000;
const MOST_PROBLEMS = 20;

/** On the terminal, where there is one. */
async function barFor({ stderr }: Run, what: string): Promise<SingleBar> {
  const progress = await import('cli-progress');
  const format = `${what} {bar} {percentage}% | {eta_formatted} left`;
  return new progress.default.SingleBar({ format, hideCursor: true, stream: stderr });
}

const kindOption = (): Option =>
  new Option('--kind <kind>', 'which table').choices(KINDS).default('username');
const formatOption = (): Option =>
  new Option('--format <format>', "of the file (default: by its name's end)").choices(FORMATS);

/** @throws Invalid */
function formatOf(file: string | undefined, said: Format | undefined): Format {
  const end = file === undefined ? undefined : extname(file).slice(1).toLowerCase();
  const format = said ?? FORMATS.find((each) => each === end);
  if (!format) throw new Invalid('format', 'is not told by the name of the file; say --format csv or json');
  return format;
}

export function mqttCommand(run: Run): Command {
  return new Command('mqtt')
    .description("Devices' MQTT credentials, in EMQX's own file formats.")
    .addCommand(importCommand(run))
    .addCommand(exportCommand(run));
}

const importCommand = (run: Run): Command =>
  inTenant(new Command('import').argument('<file>'))
    .description('Add the devices of a file. Those that are there already stay as they are.')
    .addOption(kindOption())
    .addOption(formatOption())
    .option(
      '--hash <algorithm>',
      'of the hashes in the file: sha256 or sha512 (the salt stands first), the same with -suffix, pbkdf2-sha256:<iterations>, bcrypt',
      'sha256',
    )
    .action((file: string, options: ImportOptions) =>
      withContext(run, async (context) => {
        const { imported, existed, refused, problems } = await importFile(run, context, file, options);
        print(run, options.json ?? false, { imported, existed, refused, problems }, [
          `${imported} imported, ${existed} were there already, ${refused} refused`,
          ...problems.map(({ at, problem }) => `  entry ${at}: ${problem}`),
          ...(refused > problems.length ? [`  and ${refused - problems.length} more`] : []),
        ]);
        if (refused > 0) throw new Invalid('file', `${refused} of its entries were refused`);
      }),
    );

interface ImportOptions extends Options {
  hash: string;
}

interface Imported {
  imported: number;
  existed: number;
  refused: number;
  /** The first ones. */
  problems: { at: number; problem: string }[];
}

/** Adds the devices of a file, many in each transaction. @throws NotFound, Invalid */
async function importFile(
  run: Run,
  context: StoreContext,
  file: string,
  { tenant, kind, format, hash }: ImportOptions,
): Promise<Imported> {
  const { devicePasswords } = await import('../mqtt/passwords.js');
  const { readDevices } = await import('../mqtt/transfer.js');
  const as = formatOf(file, format);
  const path = resolve(run.cwd, file);
  const { size } = await stat(path).catch(() => {
    throw new NotFound('file', `there is no file ${file}`);
  });
  const write = await writerOf(context, tenant, kind);
  const passwords = devicePasswords(context.config.mqtt.passwords);
  const bar = await barFor(run, 'importing');
  const source = createReadStream(path);
  bar.start(size, 0);
  const done: Imported = { imported: 0, existed: 0, refused: 0, problems: [] };
  let batch: KeptDevice[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const devices = batch;
    batch = [];
    bar.update(source.bytesRead);
    const existed = await write(devices);
    done.existed += existed;
    done.imported += devices.length - existed;
  };
  try {
    for await (const entry of readDevices(source, as, passwords, hash)) {
      if ('problem' in entry) {
        done.refused += 1;
        if (done.problems.length < MOST_PROBLEMS) done.problems.push(entry);
      } else if (batch.push(entry.device) === AT_ONCE) await flush();
    }
  } finally {
    await flush();
    bar.stop();
  }
  return done;
}

/** Writes devices in one transaction with its audit row; answers how many were there already, or twice in the list. */
async function writerOf(
  context: StoreContext,
  tenant: string | undefined,
  kind: Kind,
): Promise<(devices: KeptDevice[]) => Promise<number>> {
  const { insertCredentials } = await import('../mqtt/credentials.js');
  const { auditIn } = await import('../observe/index.js');
  const { tenantTransaction } = await import('../store/index.js');
  const owner = await tenantOf(context, tenant);
  return async (devices) => {
    // Servers need no word of it: they look devices up each time.
    const left = await tenantTransaction(context.store, owner.id, async (db) => {
      const target = `${devices.length} entries`;
      await auditIn(db, { event: 'mqtt.import', result: 'success', actor: 'cli', target });
      return insertCredentials(db, kind, [devices]);
    });
    return left.existed.size + left.twice.size;
  };
}

interface ExportOptions extends Options {
  full?: boolean;
  force?: boolean;
}

/** Writes a file that only its owner can read, whatever stood at its name before, whole or not at all: hashes are in it. */
async function writeAsideFirst(file: string, pieces: Readable): Promise<void> {
  const aside = `${file}.${randomUUID()}.part`;
  try {
    await pipeline(pieces, createWriteStream(aside, { mode: 0o600, flags: 'wx' }));
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

const exportCommand = (run: Run): Command =>
  inTenant(new Command('export').argument('[file]'))
    .description('Write the devices to a file, or to standard output.')
    .addOption(kindOption())
    .addOption(formatOption())
    .option('--force', 'write over a file that is there')
    .option('--full', 'with what EMQX does not know: the algorithm of each hash, enabled, expires_at')
    .action(
      (file: string | undefined, { tenant, kind, format, full = false, force = false }: ExportOptions) =>
        withContext(run, async (context) => {
          const as = file === undefined && format === undefined ? 'csv' : formatOf(file, format);
          const path = file === undefined ? undefined : resolve(run.cwd, file);
          const there = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
          if (there?.isFile() && !force)
            throw new Conflict('file', `${file} is there already; --force writes over it`);
          const { countCredentials, credentialPieces } = await import('../mqtt/credentials.js');
          const { writeDevices } = await import('../mqtt/transfer.js');
          const db = await tenantDbOf(context, tenant);
          const bar = await barFor(run, 'exporting');
          bar.start(await countCredentials(db, kind), 0);
          async function* counted() {
            for await (const piece of credentialPieces(db, kind)) {
              yield piece;
              bar.increment(piece.length);
            }
          }
          const pieces = Readable.from(writeDevices(counted(), as, full));
          try {
            if (path === undefined) await pipeline(pieces, run.stdout, { end: false });
            // A pipe or a device is written to as it is: a rename would put a file in its place.
            else if (there && !there.isFile()) await pipeline(pieces, createWriteStream(path));
            else await writeAsideFirst(path, pieces);
          } finally {
            bar.stop();
          }
          await context.audit(db.tenantId, {
            event: 'mqtt.export',
            result: 'success',
            actor: 'cli',
            target: kind,
          });
        }),
    );
