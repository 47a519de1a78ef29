import { inline, paragraphs } from '../markdown.js';
import type { OpenApi } from '../types.js';
import type { Change } from './difference/index.js';
import { treeAt } from '../tree.js';

export interface ReadmeParts {
  title: string;
  description: string;
  sdkName: string;
  registry: string | undefined;
  example: string | undefined;
  license: string;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What a document says of itself. */
export function titleOf(document: OpenApi): { title: string; description: string } {
  const info = treeAt(document, 'info');
  return { title: textOf(info['title']), description: textOf(info['description']) };
}

/** The README of a package whose options have none. */
export function readmeOf({ title, description, sdkName, registry, example, license }: ReadmeParts): string {
  const install = `npm install ${sdkName}${registry === undefined ? '' : ` --${registryOption(sdkName)}=${registry}`}`;
  return [
    `# ${inline(title, 200) || sdkName}`,
    ...(description.trim() === '' ? [] : [paragraphs(description)]),
    '## Install',
    `\`\`\`sh\n${install}\n\`\`\``,
    ...(example === undefined
      ? []
      : ['## First call', 'In an ES module, such as `first.mts`:', `\`\`\`ts\n${example}\`\`\``]),
    '## Licence',
    inline(license),
    '',
  ].join('\n\n');
}

/** A registry of one scope has what the package needs from elsewhere, such as axios, from where npm has it. */
const registryOption = (sdkName: string): string =>
  sdkName.startsWith('@') ? `${sdkName.split('/', 1)[0] ?? ''}:registry` : 'registry';

const HEADINGS = { major: 'Breaking', minor: 'Added', patch: 'Changed' } as const;
const MOST_LINES = 200;

/** What a release has changed. @param written writes a text of the document, for Markdown or for a mail */
export function changesOf(
  changes: readonly Change[],
  isFirst: boolean,
  written: (text: string) => string,
): string {
  if (changes.length === 0) return isFirst ? 'First release.' : 'No change of the API.';
  const shown = changes.slice(0, MOST_LINES);
  const parts = (['major', 'minor', 'patch'] as const).flatMap((level) => {
    const lines = shown.filter((change) => change.level === level).map(({ text }) => `- ${written(text)}`);
    return lines.length === 0 ? [] : [`### ${HEADINGS[level]}`, lines.join('\n')];
  });
  const more = changes.length - shown.length;
  return [...parts, ...(more > 0 ? [`And ${more} more.`] : [])].join('\n\n');
}

export const changelogOf = (version: string, changes: string): string =>
  `# Changelog\n\n## ${version}\n\n${changes}\n`;
