/**
 * Our own server stub: a Koa application in TypeScript that starts, routes every operation of a document, and answers its example.
 * `koaStub` makes its files. It must never write a text of the document into code but as a literal, a comment or a safe name.
 */
import { parse } from '../../../kernel/json.js';
import type { Files, OpenApi } from '../../types.js';
import { inComment, inMarkdown, literal } from './escaping.js';
import { HANDLER, ROUTES, ROUTING, SERVER, TSCONFIG } from './files.js';
import { slugOf, identifierOf } from './names.js';
import { groupsOf, type StubGroup, type StubOperation } from './operations.js';

/** An example that is longer is text in the code, and not an object. */
const LONGEST_OBJECT = 20_000;
const JSON_TYPE = /^[^/;]+\/(?:[^/;]+\+)?json\s*(?:;|$)/;

export function koaStub(document: OpenApi): Files {
  const groups = groupsOf(document);
  const info = (document['info'] ?? {}) as { title?: unknown; version?: unknown };
  const title = typeof info.title === 'string' ? info.title : '';
  return new Map([
    ['package.json', packageFile(title)],
    ['tsconfig.json', TSCONFIG],
    ['README.md', readme(title, groups)],
    ['src/server.ts', SERVER],
    ['src/handler.ts', HANDLER],
    ['src/routes.ts', routes(groups)],
    ...groups.map((group): [string, string] => [`src/handlers/${group.file}.ts`, handlers(group)]),
  ]);
}

const packageFile = (title: string): string =>
  `${literal(
    {
      name: `${slugOf(title, 'api')}-server`,
      version: '0.1.0',
      private: true,
      type: 'module',
      scripts: { build: 'tsc', start: 'tsc && node dist/server.js' },
      dependencies: { '@koa/router': '^15.7.0', koa: '^3.3.0' },
      devDependencies: { '@types/koa': '^3.0.3', '@types/node': '^20.19.0', typescript: '^6.0.3' },
      engines: { node: '>=20' },
    },
    2,
  )}\n`;

const readme = (
  title: string,
  groups: readonly StubGroup[],
): string => `# ${inMarkdown(title) || 'API'}: server

\`\`\`sh
npm install
HOST=127.0.0.1 PORT=3000 npm start
\`\`\`

Both are the defaults: only programs of the same machine can call the server. \`HOST=0.0.0.0\` opens it to all that can reach the
machine. At SIGTERM it answers the calls that are under way, and ends.

Each operation answers the example of its document, or 501 where the document has none. Write the functions in \`src/handlers/\`:

${groups.map(({ file, operations }) => `- \`src/handlers/${file}.ts\`: ${operations.length}`).join('\n')}
`;

/** The name that routes.ts has for a file of handlers. */
const moduleOf = ({ file }: StubGroup, index: number): string => `${identifierOf(file, 'group')}${index + 1}`;

function routes(groups: readonly StubGroup[]): string {
  const imports = groups.map(
    (group, index) => `import * as ${moduleOf(group, index)} from './handlers/${group.file}.js';\n`,
  );
  const all = groups.flatMap((group, index) =>
    group.operations.map((operation) => ({
      operation,
      handler: `${moduleOf(group, index)}.${operation.name}`,
    })),
  );
  const ordered = all.toSorted(
    ({ operation: { pattern: a } }, { operation: { pattern: b } }) =>
      Number(a.order > b.order) - Number(a.order < b.order),
  );
  const lines = ordered.map(({ operation: { method, pattern }, handler }) => {
    const names = `[${pattern.names.map((name) => literal(name)).join(', ')}]`;
    return `route(${literal(method)}, new RegExp(${literal(pattern.source)}), ${names}, ${handler});\n`;
  });
  return `${ROUTES}${imports.join('')}
export const router = new Router();

${lines.join('')}${ROUTING}`;
}

function handlers({ operations }: StubGroup): string {
  const bodies = operations.map(handler);
  const used = ['json', 'notImplemented'].filter((name) =>
    bodies.some((body) => body.includes(`return ${name}(`)),
  );
  const imported = ['type Answer', 'type Call', ...used].join(', ');
  return `import { ${imported} } from '../handler.js';\n${bodies.join('')}`;
}

function handler({ method, path, pattern, name, summary, example }: StubOperation): string {
  const about = inComment(summary);
  const parameters = [...new Set(pattern.names)].map((each) => literal(each)).join(' | ');
  return `
/** ${method} ${inComment(path)}${about && `: ${about}`} */
export async function ${name}(_call: Call${parameters && `<${parameters}>`}): Promise<Answer> {
  return ${answerOf(example)};
}
`;
}

function answerOf(example: StubOperation['example']): string {
  if (!example) return 'notImplemented()';
  const { status, type, body } = example;
  if (type === undefined || body === undefined) return `{ status: ${status} }`;
  // In an object of code, `__proto__` is no property.
  const isObject = JSON_TYPE.test(type) && body.length <= LONGEST_OBJECT && !body.includes('__proto__');
  const value = isObject ? asJson(body) : undefined;
  if (value === undefined) return `{ status: ${status}, type: ${literal(type)}, body: ${literal(body)} }`;
  const more = type === 'application/json' ? '' : `, ${literal(type)}`;
  return `json(${status}, ${value.replaceAll('\n', '\n  ')}${more})`;
}

/** A JSON text as code; undefined where it is none. */
function asJson(text: string): string | undefined {
  try {
    return literal(parse(text), 2);
  } catch {
    return undefined;
  }
}
