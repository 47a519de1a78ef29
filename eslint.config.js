import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Who may know whom (docs/architecture.md): a room imports another only through its index.ts, and only downward in this
 * list; the base knows no room; nothing imports the files that put the rooms together.
 */
const ROOMS = [
  'demo',
  'account',
  'codegen',
  'gateway',
  'mqtt',
  'oidc',
  'tenants',
  'users',
  'clients',
  'roles',
  'api-resources',
  'identity-resources',
  'secrets',
  'revocations',
  'messaging',
  'verification',
  'blobs',
  'limits',
  'jobs',
  'observe',
];
/** What rooms stand on: the machinery of the management API, over the store, over the kernel. */
const BASE = ['api', 'store', 'kernel'];
const COMPOSITION = [
  'app',
  'main',
  'management',
  'docs-page',
  'cli',
  'context',
  'store-context',
  'first-start',
];

const UP = String.raw`^(\.\./)+`;
const folders = (names) => `(${names.join('|')})`;
const noImport = (regex, message) => ({ regex, message });

const throughIndex = (own) =>
  noImport(
    `${UP}${folders([...ROOMS, 'store'].filter((name) => name !== own))}/(?!index\\.js$)`,
    'Import a room through its index.ts.',
  );
const notComposition = noImport(
  `${UP}${folders(COMPOSITION)}(\\.js$|/)`,
  'Rooms do not know what puts them together.',
);
const notAbove = (names) =>
  names.length === 0
    ? []
    : [noImport(`${UP}${folders(names)}/`, 'Rooms import only downward (docs/architecture.md).')];

/** Listeners on requests and answers. */
const NO_ONCE = [
  'callee.object.name=/^(request|response|req|res)$/',
  'callee.object.property.name=/^(req|res)$/',
].map((whose) => ({
  selector: `CallExpression[callee.property.name='once'][${whose}]`,
  message:
    'Use on(): once() wraps its listener, V8 may put wrappers among its old objects, and with them each request lives until the next full collection (docs/performance.md, Devices).',
}));

/** The cookies library reads a cookie without options whatever its signature is. */
const NO_UNSAID_SIGNATURE = [
  'callee.object.name=/cookies/i',
  'callee.object.property.name=/cookies/i',
  'callee.object.callee.name=/cookies/i',
].map((whose) => ({
  selector: `CallExpression[callee.property.name='get'][arguments.length=1][${whose}]`,
  message: 'Say whether the signature counts: { signed: true } or { signed: false }.',
}));

/** The end of a response, which is waited for in one place. */
const NO_OWN_END = ['callee.object.name=/^(response|res)$/', 'callee.object.property.name=/^res$/'].map(
  (whose) => ({
    selector: `CallExpression[callee.property.name='on'][arguments.0.value=/^(close|finish)$/][${whose}]`,
    message:
      'Use whenClosed() of kernel/when-closed.ts: a second listener makes an array, which can keep each request until the next full collection.',
  }),
);

const OUTBOUND = 'Connect through kernel/outbound.ts: it checks every address before it connects to it.';
/** Ways to connect to somebody else's server, past the guard. */
const NO_SOCKETS = [
  {
    selector:
      "ImportDeclaration[importKind!='type'][source.value=/^(node:)?(https?|http2|net|tls|dgram)$/] ImportSpecifier[imported.name=/^(request|get|connect|createConnection|createSocket|Agent|ClientRequest|Socket|TLSSocket)$/]:not([importKind='type'])",
    message: OUTBOUND,
  },
  {
    selector:
      'ImportDeclaration[source.value=/^(node:)?(https?|http2|net|tls|dgram)$/] > :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)',
    message: OUTBOUND,
  },
  {
    selector:
      'ImportExpression[source.value=/^(node:)?(https?|http2|net|tls|dgram|undici|axios|got|node-fetch)$/]',
    message: OUTBOUND,
  },
  {
    selector: "ImportDeclaration[importKind!='type'][source.value=/^(axios|got|node-fetch)$/]",
    message: OUTBOUND,
  },
  {
    selector:
      'MemberExpression[object.name=/^(globalThis|global)$/][property.name=/^(fetch|WebSocket|EventSource)$/]',
    message: OUTBOUND,
  },
];

const NO_UNDICI = {
  selector: "ImportDeclaration[importKind!='type'][source.value='undici']",
  message: OUTBOUND,
};
const NO_CONNECTING = [...NO_SOCKETS, NO_UNDICI];

/** Looking a name up in a thread: a few names that get no answer hold up all others. */
const NO_LOOKUP = [
  ":matches(ImportDeclaration[importKind!='type'], ImportExpression)[source.value=/^(node:)?dns(\\/promises)?$/]",
].map((selector) => ({ selector, message: `Names are looked up by kernel/host-addresses.ts. ${OUTBOUND}` }));

const NO_GLOBALS = ['fetch', 'WebSocket', 'EventSource'].map((name) => ({ name, message: OUTBOUND }));

const PARSED =
  'Use parse() of kernel/json.ts: an error of JSON.parse quotes the text, and errors come into logs.';

const THROUGH_IO = 'Take it from the io of the run (src/cli/io.ts).';

const layer = (own, forbidden) => ({
  files: [`src/${own}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [throughIndex(own), notComposition, ...notAbove(forbidden)] },
    ],
  },
});

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } },
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Adapters and drivers promise by interface what they do at once.
      '@typescript-eslint/require-await': 'off',
      // knex and Koa type their extension points as any; what comes out of them is cast where it comes out.
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The pages and adapters are plain objects of functions; none of them uses `this`.
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...NO_ONCE,
        ...NO_OWN_END,
        ...NO_UNSAID_SIGNATURE,
        ...NO_CONNECTING,
        ...NO_LOOKUP,
      ],
      'no-restricted-globals': ['error', ...NO_GLOBALS],
      'no-restricted-properties': ['error', { object: 'JSON', property: 'parse', message: PARSED }],
    },
  },
  { files: ['src/kernel/json.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['src/kernel/outbound.ts'],
    rules: { 'no-restricted-syntax': ['error', ...NO_ONCE, ...NO_LOOKUP] },
  },
  {
    files: ['src/kernel/outbound-pool.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...NO_ONCE,
        ...NO_OWN_END,
        ...NO_UNSAID_SIGNATURE,
        ...NO_SOCKETS,
        ...NO_LOOKUP,
      ],
    },
  },
  {
    files: ['src/kernel/host-addresses.ts'],
    rules: { 'no-restricted-syntax': ['error', ...NO_ONCE, ...NO_OWN_END, ...NO_CONNECTING] },
  },
  {
    // Commands are functions: what they have of the process comes with `io` (src/cli/io.ts), and they end nothing.
    files: ['src/cli/**'],
    rules: {
      'no-restricted-globals': ['error', ...NO_GLOBALS, { name: 'process', message: THROUGH_IO }],
      'no-restricted-imports': [
        'error',
        { paths: ['process', 'node:process'].map((name) => ({ name, message: THROUGH_IO })) },
      ],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/store/sqlite.ts', 'src/store/sqlite-thread.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: 'better-sqlite3',
          allowTypeImports: true,
          message:
            'Go through the Store: its statements yield to the event loop. A loop past it asks kernel/event-loop.ts in each round.',
        },
      ],
    },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // Answers are JSON, compared with literals field by field: a wrong guess at their shape fails there.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['eslint.config.js'], ...tseslint.configs.disableTypeChecked },
  ...ROOMS.map((room, index) => layer(room, ROOMS.slice(0, index))),
  {
    // Part of a child process, which does not load the gateway for its examples.
    files: ['src/codegen/generators/koa/operations.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  layer('api', ROOMS),
  layer('store', [...ROOMS, 'api']),
  layer('kernel', [...ROOMS, ...BASE.filter((name) => name !== 'kernel')]),
);
