import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Invalid, NotFound } from '../kernel/errors.js';
import type { ExportSource } from '../gateway/export/index.js';
import type { StoreContext } from '../store-context.js';
import type { Tenant } from '../tenants/index.js';
import type { Run } from './io.js';
import { tenantOf, withContext } from './session.js';

const PRODUCTS = ['nginx', 'kong', 'apisix', 'azure-apim'] as const;
type Product = (typeof PRODUCTS)[number];

interface Options {
  tenant?: string;
  api?: string;
  out?: string;
  watch?: boolean;
  listen: string;
  gatehouse?: string;
  ca: string;
}

/** What only nginx is told: the others have their own way to say it. */
const OF_NGINX = ['listen', 'gatehouse', 'ca'] as const;

/** How often `--watch` writes the file again: addresses of backends may change without a change to an API. */
const WATCH_MS = 2000;

export const gatewayCommand = (run: Run): Command =>
  new Command('gateway').description('The API gateway.').addCommand(exportCommand(run));

const matching =
  (pattern: RegExp, advice: string) =>
  (text: string): string => {
    if (!pattern.test(text)) throw new InvalidArgumentError(advice);
    return text;
  };

const LISTEN = /^(?:[0-9]{1,5}|(?:[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):[0-9]{1,5})$/;
const ORIGIN = /^http:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$/;
const PATH = /^[A-Za-z0-9/._-]{1,500}$/;

const exportCommand = (run: Run): Command =>
  new Command('export')
    .argument('<product>', PRODUCTS.join(', '))
    .description(
      'Write the published APIs as a configuration of another product, to standard output or a file.',
    )
    .option('--tenant <name>', 'the tenant (default: the home tenant)')
    .option('--api <suffix>', 'one API (default: all)')
    .option('--out <file>', 'write a file, where it would change')
    .option(
      '--watch',
      'go on, and write the file again after each change; a line on standard output for each',
    )
    .addOption(
      new Option('--listen <place>', 'nginx: a port, or an address with one')
        .default('80')
        .argParser(matching(LISTEN, 'say a port, or address:port.')),
    )
    .option(
      '--gatehouse <url>',
      'nginx: where it reaches this server (default: http://127.0.0.1:<port>)',
      matching(ORIGIN, 'say http://host:port.'),
    )
    .addOption(
      new Option('--ca <file>', 'nginx: the authorities that certificates of backends are checked by')
        .default('/etc/ssl/certs/ca-certificates.crt')
        .argParser(matching(PATH, 'say a path of letters, digits and / . _ -')),
    )
    .addHelpText(
      'after',
      `
Reload nginx after each change:
  gatehouse gateway export nginx --out /etc/nginx/conf.d/gatehouse.conf --watch |
    while read -r _; do nginx -t && nginx -s reload; done`,
    )
    .action((product: string, options: Options, command: Command) =>
      withContext(run, async (context) => {
        checkOptions(product, (name) => command.getOptionValueSource(name) === 'cli');
        const tenant = await tenantOf(context, options.tenant);
        const { addressBook } = await import('../gateway/export/index.js');
        const { gatewayReach } = await import('../outbound-reach.js');
        const asked: Asked = {
          tenant,
          product: productOf(product),
          options,
          addressOf: addressBook(gatewayReach(context.config, tenant)),
        };
        const write = (): Promise<string> => exported(context, asked);
        if (options.out === undefined) {
          if (options.watch) throw new Invalid('watch', 'needs --out, the file to write');
          run.stdout.write(await write());
          return;
        }
        const file = resolve(run.cwd, options.out);
        say(run, file, await writeChanged(file, await write()));
        if (options.watch) await watch(run, file, write);
      }),
    );

/** @throws Invalid for an option that the product does not use */
function checkOptions(product: string, isGiven: (name: string) => boolean): void {
  const given = product === 'nginx' ? undefined : OF_NGINX.find(isGiven);
  if (given !== undefined) throw new Invalid(given, 'is for nginx only; leave it out');
}

/** @throws Invalid */
function productOf(text: string): Product {
  const product = PRODUCTS.find((each) => each === text);
  if (!product) throw new Invalid('product', `is one of ${PRODUCTS.join(', ')}`);
  return product;
}

interface Asked {
  tenant: Tenant;
  product: Product;
  options: Options;
  addressOf(serviceUrl: URL): Promise<string | undefined>;
}

/** The configuration as it is now. @throws NotFound where the API that was asked for is not published */
async function exported(
  { store, config }: StoreContext,
  { tenant, product, options, addressOf }: Asked,
): Promise<string> {
  const gateway = await import('../gateway/export/index.js');
  const apis = await gateway.readApis(store, tenant.id, options.api);
  if (options.api !== undefined && apis.length === 0)
    throw new NotFound('api', `no API is published at "${options.api}"`);
  const source: ExportSource = { tenant, apis };
  switch (product) {
    case 'kong':
      return gateway.exportKong(source);
    case 'apisix':
      return gateway.exportApisix(source);
    case 'azure-apim':
      return gateway.exportAzure(source);
    case 'nginx':
      return gateway.exportNginx(source, {
        listen: options.listen,
        gatehouse: options.gatehouse ?? `http://127.0.0.1:${config.port}`,
        certificateHeader: config.mtls.header,
        authorities: options.ca,
        addressOf,
      });
  }
}

/**
 * Writes a file whole or not at all, unless it says the same already; answers whether it did.
 * @throws Invalid where its folder is missing
 */
async function writeChanged(file: string, text: string): Promise<boolean> {
  const folder = dirname(file);
  if (!existsSync(folder)) throw new Invalid('out', `there is no folder ${folder}; make it first`);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
  const aside = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(aside, text, { mode: 0o644, flag: 'wx' });
    await rename(aside, file);
    return true;
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

const say = ({ stdout }: Run, file: string, changed: boolean): void => {
  if (changed) stdout.write(`changed ${file}\n`);
};

/** Until the process is asked to stop. What goes wrong meanwhile is said once, and tried again. */
async function watch(run: Run, file: string, write: () => Promise<string>): Promise<void> {
  const stopping = new AbortController();
  const stopped = run.stopSignal().then(() => stopping.abort());
  let said: string | undefined;
  while (!stopping.signal.aborted) {
    await wait(WATCH_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (stopping.signal.aborted) break;
    try {
      say(run, file, await writeChanged(file, await write()));
      said = undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== said) run.stderr.write(`gatehouse: ${message}; it is tried again\n`);
      said = message;
    }
  }
  await stopped;
}
