/**
 * The reference of a document as Markdown: `referenceOf` writes a file for each tag, one for the schemas that have names, and an
 * index with how to authenticate. The same document makes the same files. All text of the document is escaped (`../../markdown.ts`); names of files are made of letters and digits.
 */
import { yieldToEventLoop } from '../../../kernel/event-loop.js';
import { generatorFailed } from '../../failures.js';
import { ToolFailed } from '../../process/index.js';
import type { Files, OpenApi } from '../../types.js';
import { operationsOf, tagsOf, type OperationOf } from './document.js';
import { inline, paragraphs, table } from '../../markdown.js';
import { treeAt } from '../../tree.js';
import { operationSection } from './operation.js';
import { countSchemas, SCHEMAS_FILE, schemaSections } from './schemas.js';
import { authentication } from './security.js';

export { tagsOf } from './document.js';

const INDEX = 'README.md';
const OTHERS = 'Other operations';
const LONGEST_NAME = 60;

/** Names of files that are taken, and the number that is tried next for a name that was wanted before. */
interface Names {
  taken: Set<string>;
  next: Map<string, number>;
}

/** A name of a file that nothing else has; file systems may not tell cases apart. */
function fileNameOf(title: string, { taken, next }: Names): string {
  const letters = title
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-');
  const short = [...letters.replace(/^-|-$/g, '')].slice(0, LONGEST_NAME).join('') || 'tag';
  for (let n = next.get(short) ?? 1; ; n += 1) {
    const name = n === 1 ? short : `${short}-${n}`;
    if (taken.has(name)) continue;
    taken.add(name);
    next.set(short, n + 1);
    return `${name}.md`;
  }
}

interface Chapter {
  title: string;
  description: unknown;
  file: string;
  operations: OperationOf[];
}

/** Operations by their first tag; those without one are at the end. */
function chaptersOf(document: OpenApi): Chapter[] {
  const operations = operationsOf(document);
  const names: Names = { taken: new Set(['readme', 'index', 'schemas']), next: new Map() };
  const groups = new Map<string | undefined, OperationOf[]>();
  for (const operation of operations) {
    const group = groups.get(operation.tag) ?? [];
    groups.set(operation.tag, group);
    group.push(operation);
  }
  const chapters = [
    ...tagsOf(document).map(({ name, description }) => ({
      title: name,
      description,
      found: groups.get(name),
    })),
    { title: OTHERS, description: undefined, found: groups.get(undefined) },
  ];
  return chapters.flatMap(({ title, description, found }) =>
    found ? [{ title, description, file: fileNameOf(title, names), operations: found }] : [],
  );
}

/** Of all files, in characters. */
const LARGEST = 20 * 1024 * 1024;
/** From here on operations are shown in short: each can repeat what the file of schemas has. */
const LONG = LARGEST / 4;

/** Counts what is written: operations can share what is long, so that a small document makes a large reference. */
class Counter {
  #sum = 0;

  constructor(readonly signal: AbortSignal | undefined) {}

  /** Lets other requests be answered before the next part. @throws the signal's reason */
  async next(): Promise<void> {
    await yieldToEventLoop();
    this.signal?.throwIfAborted();
  }

  get isLong(): boolean {
    return this.#sum > LONG;
  }

  /** @throws Failure 422 200006 */
  count(text: string): string {
    this.#sum += text.length;
    if (this.#sum <= LARGEST) return text;
    throw generatorFailed(
      new ToolFailed(
        `the reference would have more than ${LARGEST} characters; make the document smaller, or set syncDocs to false`,
      ),
    );
  }
}

async function chapterText(
  document: OpenApi,
  { title, description, operations }: Chapter,
  counter: Counter,
): Promise<string> {
  const parts = [`# ${inline(title)}`, counter.count(paragraphs(description))];
  for (const each of operations) {
    await counter.next();
    parts.push(counter.count(operationSection(document, each, { isShort: counter.isLong })));
  }
  return parts.filter(Boolean).join('\n\n');
}

async function schemasText(document: OpenApi, counter: Counter): Promise<string> {
  const parts = ['# Schemas'];
  for (const section of schemaSections(document)) {
    await counter.next();
    parts.push(counter.count(section));
  }
  return parts.join('\n\n');
}

function indexText(document: OpenApi, chapters: readonly Chapter[]): string {
  const info = treeAt(document, 'info');
  const rows = chapters.map(({ title, file, description, operations }) => [
    `[${inline(title)}](./${encodeURIComponent(file)})`,
    String(operations.length),
    inline(description),
  ]);
  return [
    `# ${inline(info['title']) || 'API'}`,
    inline(info['version']) && `Version ${inline(info['version'])}`,
    paragraphs(info['description']),
    table(['Part', 'Operations', 'Description'], rows),
    countSchemas(document) > 0 && `The objects that bodies are made of: [Schemas](./${SCHEMAS_FILE}).`,
    ...authentication(document),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/**
 * The files of a reference by their names. Other requests are answered meanwhile.
 * @throws Failure 422 200006 for a large one, and the signal's reason where it is aborted
 */
export async function referenceOf(document: OpenApi, signal?: AbortSignal): Promise<Files> {
  const chapters = chaptersOf(document);
  const counter = new Counter(signal);
  const files = new Map([[INDEX, `${counter.count(indexText(document, chapters))}\n`]]);
  if (countSchemas(document) > 0) files.set(SCHEMAS_FILE, `${await schemasText(document, counter)}\n`);
  for (const chapter of chapters)
    files.set(chapter.file, `${await chapterText(document, chapter, counter)}\n`);
  return files;
}
