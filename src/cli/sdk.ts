import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { CallTenant } from '../api/index.js';
import type { SourceDocument } from '../codegen/index.js';
import type { Files } from '../codegen/types.js';
import type { Config } from '../config.js';
import type { SourceBase } from '../gateway/index.js';
import { Conflict, Invalid, NotFound } from '../kernel/errors.js';
import type { StoreContext } from '../store-context.js';
import type { TenantDb } from '../store/index.js';
import type { Tenant } from '../tenants/index.js';
import type { Run } from './io.js';
import { print } from './output.js';
import { apiOf, cancelCommand, releaseCommand } from './sdk-release.js';
import { inTenant, tenantOf, withContext } from './session.js';

const LARGEST_FILE = 16 * 1024 * 1024;

export const sdkCommand = (run: Run): Command =>
  new Command('sdk')
    .description('Code generated from the OpenAPI documents of APIs.')
    .addCommand(previewCommand(run))
    .addCommand(releaseCommand(run))
    .addCommand(cancelCommand(run));

interface PreviewOptions {
  tenant?: string;
  json?: boolean;
  generator: string;
  out: string;
  option: Record<string, string | boolean>;
}

/** `name=value`; `true` and `false` are what they say. */
function withOption(text: string, before: Record<string, string | boolean>): typeof before {
  const [, name, value] = /^([A-Za-z][A-Za-z0-9]{0,99})=(.{0,1000})$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('say name=value.');
  return { ...before, [name]: value === 'true' || value === 'false' ? value === 'true' : value };
}

const previewCommand = (run: Run): Command =>
  inTenant(new Command('preview').argument('<document>', 'a file, an http(s) address, or the name of an API'))
    .description('Write the code that a generator makes of a document into an empty folder.')
    .requiredOption('--out <folder>', 'where the code goes')
    .option(
      '--generator <name>',
      'a client or a server of GET /api/CodeGen/Clients or Servers',
      'hey-api-fetch',
    )
    .option('--option <name=value>', 'an option of the generator; more than once for several', withOption, {})
    .action(async (document: string, options: PreviewOptions) => {
      const out = emptyFolder(resolve(run.cwd, options.out));
      const files = await previewOf(run, document, options);
      await writeFiles(out, files);
      const names = [...files.keys()];
      print(run, options.json ?? false, { folder: out, files: names }, [`${names.length} files in ${out}`]);
    });

/** @throws Conflict where something is in it already */
function emptyFolder(folder: string): string {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new Conflict('out', `${folder} is not empty; name a new folder`);
  return folder;
}

async function writeFiles(folder: string, files: Files): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, text] of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
  }
}

/** A file is read by nobody's right, and needs no store. */
const OF_NO_TENANT: CallTenant = { id: '', name: '', issuer: '', home: false, registrationOpen: false };

async function previewOf(run: Run, document: string, options: PreviewOptions): Promise<Files> {
  const { documentOfApi, readDocument } = await import('../codegen/index.js');
  const source = await sourceIn(run, document);
  if (source && 'document' in source) {
    const { loadConfig } = await import('../config.js');
    const config = loadConfig(run.env, run.cwd);
    return generated(config, options, (sources) => readDocument(sources, OF_NO_TENANT, source));
  }
  return withContext(run, async (context) => {
    const tenant = await tenantOf(context, options.tenant);
    return generated(context.config, options, (sources) =>
      source ? readDocument(sources, tenant, source) : ofApi(context, tenant, document, documentOfApi),
    );
  });
}

/** Reads a document, and makes the code of it. */
async function generated(
  config: Config,
  { generator, option }: PreviewOptions,
  read: (sources: SourceBase) => Promise<SourceDocument>,
): Promise<Files> {
  const { naming, openGenerators } = await import('../codegen/index.js');
  const { openDocumentSources } = await import('../gateway/index.js');
  const sources = openDocumentSources(config);
  const generators = openGenerators(config.codegen, { warn: () => undefined });
  try {
    await generators.check(generator, option);
    generators.expect(generator);
    const { openapi, origin } = await read(sources);
    return await naming(sources, origin, () =>
      generators.generate({ generator, document: openapi, options: option }),
    );
  } finally {
    await generators.close();
    await sources.close();
  }
}

/** A document at an address or in a file; undefined where it is neither. @throws Invalid for a file that is too large */
async function sourceIn(
  { cwd }: Run,
  document: string,
): Promise<{ swaggerUrl: string } | { document: string } | undefined> {
  if (/^https?:\/\//i.test(document)) return { swaggerUrl: document };
  const path = resolve(cwd, document);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > LARGEST_FILE) throw new Invalid('document', `may have ${LARGEST_FILE} bytes`);
  return { document: await readFile(path, 'utf8') };
}

/** The current document of an API. @throws NotFound */
async function ofApi(
  context: StoreContext,
  tenant: Tenant,
  name: string,
  read: (db: TenantDb, apiId: string) => Promise<SourceDocument | undefined>,
): Promise<SourceDocument> {
  const { tenantDb } = await import('../store/index.js');
  const id = await apiOf(context, tenant, name).catch((error: unknown) => {
    throw error instanceof NotFound
      ? new NotFound('document', `there is no file and no API resource "${name}"`)
      : error;
  });
  const document = await read(tenantDb(context.store.knex, tenant.id), id);
  if (!document) throw new NotFound('document', `the API "${name}" is not published`);
  return document;
}
