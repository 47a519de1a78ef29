import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import { Invalid, NotFound } from '../kernel/errors.js';
import type { KeptDevice } from '../mqtt/index.js';
import { FORMATS, KINDS, type Format, type Kind } from '../mqtt/schema.js';
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
    .action((file: string, { tenant, json = false, kind, format, hash }: Options & { hash: string }) =>
      withContext(run, async (context) => {
        const { insertCredentials } = await import('../mqtt/credentials.js');
        const { devicePasswords } = await import('../mqtt/passwords.js');
        const { readDevices } = await import('../mqtt/transfer.js');
        const { auditIn } = await import('../observe/index.js');
        const { tenantTransaction } = await import('../store/index.js');
        const as = formatOf(file, format);
        const path = resolve(run.cwd, file);
        const { size } = await stat(path).catch(() => {
          throw new NotFound('file', `there is no file ${file}`);
        });
        const owner = await tenantOf(context, tenant);
        const passwords = devicePasswords(context.config.mqtt.passwords);
        const bar = await barFor(run, 'importing');
        const source = createReadStream(path);
        bar.start(size, 0);
        let [imported, existed] = [0, 0];
        const problems: { at: number; problem: string }[] = [];
        let refused = 0;
        let batch: KeptDevice[] = [];
        const flush = async (): Promise<void> => {
          if (batch.length === 0) return;
          const devices = batch;
          batch = [];
          bar.update(source.bytesRead);
          // Servers need no word of it: they look devices up each time.
          const left = await tenantTransaction(context.store, owner.id, async (db) => {
            const target = `${devices.length} entries`;
            await auditIn(db, { event: 'mqtt.import', result: 'success', actor: 'cli', target });
            return insertCredentials(db, kind, [devices]);
          });
          existed += left.existed.size + left.twice.size;
          imported += devices.length - left.existed.size - left.twice.size;
        };
        try {
          for await (const entry of readDevices(source, as, passwords, hash)) {
            if ('problem' in entry) {
              refused += 1;
              if (problems.length < MOST_PROBLEMS) problems.push(entry);
            } else if (batch.push(entry.device) === AT_ONCE) await flush();
          }
        } finally {
          await flush();
          bar.stop();
        }
        print(run, json, { imported, existed, refused, problems }, [
          `${imported} imported, ${existed} were there already, ${refused} refused`,
          ...problems.map(({ at, problem }) => `  entry ${at}: ${problem}`),
          ...(refused > problems.length ? [`  and ${refused - problems.length} more`] : []),
        ]);
        if (refused > 0) throw new Invalid('file', `${refused} of its entries were refused`);
      }),
    );

const exportCommand = (run: Run): Command =>
  inTenant(new Command('export').argument('[file]'))
    .description('Write the devices to a file, or to standard output.')
    .addOption(kindOption())
    .addOption(formatOption())
    .option('--full', 'with what EMQX does not know: the algorithm of each hash, enabled, expires_at')
    .action(
      (file: string | undefined, { tenant, kind, format, full = false }: Options & { full?: boolean }) =>
        withContext(run, async (context) => {
          const as = file === undefined && format === undefined ? 'csv' : formatOf(file, format);
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
          const target =
            file === undefined ? run.stdout : createWriteStream(resolve(run.cwd, file), { mode: 0o600 });
          try {
            await pipeline(Readable.from(writeDevices(counted(), as, full)), target, {
              end: file !== undefined,
            });
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
