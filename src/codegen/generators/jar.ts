import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, readOutput, Tool, ToolFailed, type Command, type Limits } from '../process/index.js';
import type { Files, Following, GeneratorOption } from '../types.js';
import {
  isCode,
  optionOf,
  plainNames,
  type OpenApiGenerator,
  type OpenApiGeneratorOrder,
  type Side,
} from './openapi-generator.js';
import { withoutForeignReferences } from './references.js';

export interface JarSettings {
  jar: string;
  java: string;
  limits: Limits;
}

/**
 * What every run of Java gets: little heap, a quick start, nothing written but in its folder, and no way to the network (what it
 * would connect to goes through a proxy that is not there). Java has no permission model any more: a JAR can write wherever this
 * server's user can. The operator chooses the JAR.
 */
const javaArguments = (folder: string, { limits, jar }: JarSettings): string[] => [
  `-Xmx${limits.heapMegabytes}m`,
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  `-Djava.io.tmpdir=${folder}`,
  `-Duser.home=${folder}`,
  '-DsocksProxyHost=127.0.0.1',
  '-DsocksProxyPort=9',
  '-jar',
  jar,
];

/** OpenAPI Generator as a JAR. Each question starts Java. */
export function openJar(settings: JarSettings): OpenApiGenerator {
  const listed = new Map<Side, readonly string[]>();
  return {
    async names(side) {
      if (listed.size === 0) {
        const lines: string[] = [];
        await inFolder(settings, ['list', '-i', 'all'], { line: (text) => lines.push(text) });
        const text = lines.join('\n');
        listed.set('clients', namesUnder('CLIENT', text)).set('servers', namesUnder('SERVER', text));
      }
      return listed.get(side) ?? [];
    },
    async options(_side, name) {
      // Into a file: its lines are longer than those that are taken of a tool.
      const args = ['config-help', '-g', name, '-f', 'markdown', '-o', 'out/options.md'];
      const files = await inFolder(settings, args, {});
      return optionsIn(files.get('options.md') ?? '');
    },
    generate: (order, following) => generate(settings, order, following),
  };
}

async function generate(
  settings: JarSettings,
  { name, document, options }: OpenApiGeneratorOrder,
  following: Following,
): Promise<Files> {
  const args = [
    'generate',
    '-i',
    'document.json',
    '-g',
    name,
    '-o',
    'out',
    '-c',
    'config.json',
    '--skip-validate-spec',
  ];
  const files = {
    'document.json': JSON.stringify(withoutForeignReferences(structuredClone(document))),
    'config.json': JSON.stringify(options),
  };
  return inFolder(settings, args, following, files);
}

async function inFolder(
  settings: JarSettings,
  args: readonly string[],
  following: Following,
  files: Readonly<Record<string, string>> = {},
): Promise<Files> {
  const folder = await makeFolder();
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text);
    const temporary = join(folder.path, 'tmp');
    await mkdir(temporary);
    const command: Command = {
      command: settings.java,
      args: [...javaArguments(temporary, settings), ...args],
      environment: pathAlone(),
    };
    const tool = new Tool(folder, command, settings.limits);
    await tool.run(null, following);
    return await readOutput(folder.output, settings.limits, isCode);
  } finally {
    await folder.remove();
  }
}

/** Where `java` is looked for, and nothing else of this server's environment. */
const pathAlone = (): Record<string, string> => ({ PATH: process.env['PATH'] ?? '' });

/** The names below `CLIENT generators:`; some have their state in brackets. */
function namesUnder(heading: string, text: string): string[] {
  const [, list = ''] = text.split(`${heading} generators:`);
  const names: string[] = [];
  for (const line of list.split('\n').slice(1)) {
    const name = /^-\s+(\S+)/.exec(line.trim())?.[1];
    if (name !== undefined) names.push(name);
    else if (line.trim() !== '') break;
  }
  return plainNames(names);
}

const ROW = /^\|([A-Za-z][A-Za-z0-9_.-]{0,99})\|(.*)\|([^|]*)\|([^|]*)\|$/;

const plainText = (html: string): string =>
  html.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** The options in the Markdown table of `config-help`. */
function optionsIn(text: string): Record<string, GeneratorOption> {
  const options: Record<string, GeneratorOption> = {};
  for (const line of text.split('\n')) {
    const [, name, description = '', values = '', written = ''] = ROW.exec(line) ?? [];
    if (name === undefined || name === 'Option') continue;
    const allowed = [...values.matchAll(/<dt>\*\*(.*?)\*\*<\/dt>/g)].map(([, value = '']) =>
      plainText(value),
    );
    options[name] = optionOf(
      plainText(description),
      written === 'null' ? undefined : plainText(written),
      allowed,
    );
  }
  return options;
}

/** Whether Java starts. */
export async function hasJava(settings: JarSettings): Promise<boolean> {
  const folder = await makeFolder();
  try {
    const command = { command: settings.java, args: ['-version'], environment: pathAlone() };
    await new Tool(folder, command, settings.limits).run(null);
    return true;
  } catch (error) {
    if (error instanceof ToolFailed) return false;
    throw error;
  } finally {
    await folder.remove();
  }
}
