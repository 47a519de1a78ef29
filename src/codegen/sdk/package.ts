import { generatorFailed } from '../failures.js';
import { licenseText } from '../licenses.js';
import type { NpmOptions } from '../options/index.js';
import { ToolFailed } from '../process/index.js';
import type { Files } from '../types.js';
import type { Manifest } from './registry.js';

/** Packages that generated code may depend on, and which of them the program that uses it brings. */
const DEPENDENCIES: Readonly<Record<string, { range: string; isPeer: boolean }>> = {
  axios: { range: '^1.7.0', isPeer: false },
  // The client calls `provideAppInitializer`, which Angular has since 19.
  '@angular/common': { range: '>=19', isPeer: true },
  '@angular/core': { range: '>=19', isPeer: true },
  rxjs: { range: '^7.8.0', isPeer: true },
};

const IMPORT = /\bfrom\s*['"]([^'"./][^'"]*)['"]/g;
const PACKAGE_OF = /^(?:@[^/]+\/)?[^/]+/;

/** The packages, of those that are known, that generated code imports. */
export function dependenciesOf(code: Files): string[] {
  const found = new Set<string>();
  for (const text of code.values())
    for (const [, name = ''] of text.matchAll(IMPORT)) found.add(PACKAGE_OF.exec(name)?.[0] ?? '');
  return [...found].filter((name) => Object.hasOwn(DEPENDENCIES, name)).sort();
}

/** The module that a program imports. @throws Failure 422 200006 */
export function entryOf(code: Files): string {
  const entry = ['index', 'src/index'].find((path) => code.has(`${path}.ts`));
  if (entry === undefined)
    throw generatorFailed(
      new ToolFailed('the generator makes no index.ts, so the package has nothing to import'),
    );
  return entry;
}

/** `https://example.com`, `someone@example.com` and others are no fields of their own: npm reads them out of the text. */
function manifestOf(options: NpmOptions, version: string, description: string, code: Files): Manifest {
  const entry = entryOf(code);
  const at = (path: string) => ({ types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` });
  const needed = (isPeer: boolean): Record<string, string> =>
    Object.fromEntries(
      dependenciesOf(code).flatMap((name) => {
        const known = DEPENDENCIES[name];
        return known?.isPeer === isPeer ? [[name, known.range]] : [];
      }),
    );
  const [dependencies, peerDependencies] = [needed(false), needed(true)];
  return {
    name: options.sdkName,
    version,
    description: options.description ?? description,
    keywords: options.keywords,
    ...(options.homepage !== null && { homepage: options.homepage }),
    ...(options.author !== null && { author: options.author }),
    license: options.license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=18' },
    types: `./dist/${entry}.d.ts`,
    exports: {
      '.': at(entry),
      ...(code.has('client.gen.ts') && { './client': at('client.gen') }),
      './package.json': './package.json',
    },
    files: ['dist', 'CHANGELOG.md'],
    ...(Object.keys(dependencies).length > 0 && { dependencies }),
    ...(Object.keys(peerDependencies).length > 0 && { peerDependencies }),
  };
}

export interface PackageParts {
  options: NpmOptions;
  version: string;
  /** Where the options have none. */
  description: string;
  /** What was generated. */
  code: Files;
  /** What it was compiled to. */
  compiled: Files;
  readme: string;
  changelog: string;
}

/**
 * All files of a package, and what its registry is told of it: `package.json`, and the README as npm itself sends it, because
 * registries show that and do not read the files.
 * @throws Failure 422 200006
 */
export function packageOf(parts: PackageParts): { manifest: Manifest; files: Files } {
  const { options, version, description, code, compiled, readme, changelog } = parts;
  const manifest = manifestOf(options, version, description, code);
  const files = new Map([
    ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
    ['README.md', readme],
    ['CHANGELOG.md', changelog],
    ['LICENSE', licenseText(options.license, options.author ?? options.name)],
    ...[...compiled].map(([path, text]) => [`dist/${path}`, text] as const),
  ]);
  return { manifest: { ...manifest, readme, readmeFilename: 'README.md' }, files };
}
