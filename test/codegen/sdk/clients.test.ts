import assert from 'node:assert/strict';
import { openGenerators, type OpenGenerators } from '../../../src/codegen/generators/index.js';
import { compile } from '../../../src/codegen/sdk/check.js';
import { exampleOf } from '../../../src/codegen/sdk/example.js';
import { dependenciesOf, packageOf } from '../../../src/codegen/sdk/package.js';
import type { NpmOptions } from '../../../src/codegen/options/index.js';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { example as real } from '../../support/real-documents.js';
import { startServer } from '../../support/server.js';
import { documentOf } from '../../support/gateway.js';
import { often } from '../../support/profile.js';

const OPTIONS: NpmOptions = {
  ...{
    name: 'Orders',
    sdkName: '@example/orders',
    version: '1.0.0',
    license: 'MIT',
    registry: 'https://x.example',
  },
  ...{ homepage: null, author: null, keywords: [], description: null, README: null, token: null },
};

interface Client {
  manifest: Record<string, unknown>;
  files: Files;
  example: string | undefined;
  exampleIsGood: boolean;
}

/** What a client has that needs packages: Angular’s and axios are no packages of this one, so their types are `any` here. */
const CLIENTS = [
  {
    generator: 'hey-api-axios',
    needs: { dependencies: { axios: '^1.7.0' } },
    imports: /from 'axios'/,
    call: /client\.setConfig\(\{\n {2}baseURL: 'https:\/\/api\.example\.com',\n\}\);\n\nconst \{ data, error \} = await getItems\(\);/,
  },
  {
    generator: 'hey-api-angular',
    needs: { peerDependencies: { '@angular/common': '>=19', '@angular/core': '>=19', rxjs: '^7.8.0' } },
    imports: /from '@angular\/common\/http'/,
    call: /baseUrl: 'https:\/\/api\.example\.com',[^]* = await getItems\(\{ injector: this\.#injector \}\);/,
  },
];

for (const { generator, needs, imports, call } of CLIENTS)
  describe(`the package of ${generator}`, () => {
    let generators: OpenGenerators;
    before(() => (generators = openGenerators({}, { warn: () => undefined })));
    after(() => generators.close());

    /** As a release makes it, without a registry. */
    async function make(document: OpenApi): Promise<Client> {
      const code = await generators.generate({ generator, document, options: {} });
      const from = (sdk: string, client: string) => exampleOf(generator, document, code, { sdk, client });
      const { files: compiled, exampleIsGood } = await compile(code, dependenciesOf(code), {
        example: from('./index.js', './client.gen.js'),
        document,
      });
      const parts = { options: OPTIONS, version: '1.0.0', description: '', readme: '', changelog: '' };
      const { manifest, files } = packageOf({ ...parts, code, compiled });
      const example = from(OPTIONS.sdkName, `${OPTIONS.sdkName}/client`);
      return { manifest: { ...manifest }, files, example, exampleIsGood };
    }

    it('has ES modules with declarations, says what it needs, and shows a first call that compiles', async () => {
      const { manifest, files, example, exampleIsGood } = await make(documentOf({ 'GET /items': null }));
      const { dependencies, peerDependencies, type, exports, types } = manifest;
      assert.deepEqual(
        { dependencies, peerDependencies },
        { dependencies: undefined, peerDependencies: undefined, ...needs },
      );
      assert.deepEqual([type, types], ['module', './dist/index.d.ts']);
      assert.deepEqual((exports as Record<string, unknown>)['./client'], {
        types: './dist/client.gen.d.ts',
        default: './dist/client.gen.js',
      });
      const client = files.get('dist/client/client.gen.js') ?? '';
      assert.match(client, imports);
      for (const [path, text] of files)
        if (/\.(?:js|d\.ts)$/.test(path))
          for (const [, from = ''] of text.matchAll(/ from '(\.[^']*)'/g))
            assert.match(from, /\.js$/, `${path} imports a file whose name is not whole`);
      assert.match(example ?? '', call);
      assert.equal(exampleIsGood, true);
    });

    it('is made of our own document', async () => {
      const server = await startServer('sqlite');
      const own = await fetch(new URL('/openapi.json', server.issuer)).finally(() => server.stop());
      assert.equal((await make((await own.json()) as OpenApi)).exampleIsGood, true);
    });

    for (const name of often({
      short: [],
      long: ['3.0/json/petstore.json', '3.1/json/train-travel.json', '3.0/json/star-trek.json'],
    }))
      it(`is made of ${name}`, async () => void (await make(JSON.parse(real(name)) as OpenApi)));
  });
