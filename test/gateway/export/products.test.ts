import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { exportApisix } from '../../../src/gateway/export/apisix.js';
import { exportAzure } from '../../../src/gateway/export/azure-apim.js';
import { exportKong } from '../../../src/gateway/export/kong.js';
import type { LiveApi, LiveProduct } from '../../../src/gateway/types.js';
import { api, operation, revision, TENANT, version } from './apis.js';

/** What a test reads of an export; a wrong guess is undefined. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- compared with literals, field by field
type Data = Record<string, any>;

const kong = async (apis: LiveApi[]): Promise<Data> =>
  parse(await exportKong({ tenant: TENANT, apis })) as Data;
const apisix = async (apis: LiveApi[]): Promise<Data> =>
  parse(await exportApisix({ tenant: TENANT, apis })) as Data;
const azure = async (apis: LiveApi[]): Promise<Data> =>
  JSON.parse(await exportAzure({ tenant: TENANT, apis })) as Data;
const policyIn = (template: Data): string =>
  (template['resources'] as Data[]).find(({ type }) => String(type).endsWith('apis/policies'))?.['properties']
    .value as string;

const notes = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('# - '))
    .map((line) => line.slice(4));

const PRODUCT: LiveProduct = {
  id: 'p1',
  name: 'Partners',
  subscriptionRequired: true,
  rateLimit: { calls: 100, seconds: 60 },
  quota: { calls: 5000, period: 'day' },
};

const orders = (): LiveApi =>
  api([
    version({
      scope: ['basic'],
      products: [PRODUCT],
      revisions: [
        revision({
          operations: [
            operation('GET /items/{id}', { operationId: 'readItem', scopes: [['read']] }),
            operation('GET /health', { open: true }),
          ],
          policy: {
            rateLimit: { calls: 10, seconds: 60, by: 'address' },
            quota: { calls: 1000, period: 'day', by: 'address' },
            cors: { origins: ['https://app.example.com'], credentials: true },
            setHeader: { request: { 'X-Set': 'yes', 'X-Gone': null }, response: { 'X-Answer': 'a' } },
          },
        }),
      ],
    }),
  ]);

/** The same without what Azure has no counterpart for. */
const withIpFilter = (): LiveApi =>
  api([version({ revisions: [revision({ policy: { ipFilter: { allow: ['192.0.2.0/24'] } } })] })]);

describe('the export for Kong', () => {
  it('has a service for each version and a route for each operation', async () => {
    const { _format_version, services } = await kong([orders()]);
    assert.equal(_format_version, '3.0');
    const [service] = services as [Data];
    const { routes, ...rest } = service;
    assert.deepEqual(rest, {
      name: 'gatehouse-orders',
      protocol: 'https',
      host: 'orders.example.com',
      port: 443,
      connect_timeout: 5000,
      read_timeout: 300_000,
      write_timeout: 300_000,
      retries: 0,
      tags: ['gatehouse'],
    });
    assert.deepEqual(
      (routes as Data[]).map(({ name, methods, paths, regex_priority }) => [
        name,
        methods,
        paths,
        regex_priority,
      ]),
      [
        ['gatehouse-orders.1', ['GET', 'HEAD'], ['~/gateway/orders/items/([^/]+?)$'], 7],
        ['gatehouse-orders.2', ['GET', 'HEAD'], ['~/gateway/orders/health$'], 7],
      ],
    );
  });

  it('asks for the token, the scopes with their other words, the key, the limits and the headers', async () => {
    const { services } = await kong([orders()]);
    const [read, health] = (services as [Data])[0]['routes'] as [Data, Data];
    assert.deepEqual(read['plugins'], [
      {
        name: 'openid-connect',
        config: {
          issuer: 'http://id.example.com',
          auth_methods: ['bearer'],
          bearer_token_param_type: ['header'],
          audience_required: ['https://orders.example.com'],
          scopes_claim: ['scope'],
          scopes_required: [
            'read basic',
            'read orders.basic',
            'read orders.all',
            'orders.read basic',
            'orders.read orders.basic',
            'orders.read orders.all',
            'orders.all basic',
            'orders.all orders.basic',
            'orders.all',
          ],
          hide_credentials: true,
          upstream_access_token_header: null,
        },
      },
      {
        name: 'key-auth',
        config: { key_names: ['Ocp-Apim-Subscription-Key', 'subscription-key'], hide_credentials: true },
      },
      { name: 'rate-limiting', config: { minute: 10, day: 1000, limit_by: 'ip', policy: 'local' } },
      { name: 'cors', config: { origins: ['https://app\\.example\\.com'], credentials: true, max_age: 600 } },
      {
        name: 'response-transformer',
        config: { replace: { headers: ['X-Answer:a'] }, add: { headers: ['X-Answer:a'] } },
      },
      {
        name: 'request-transformer',
        config: {
          remove: { headers: ['Cookie', 'Forwarded', 'Proxy', 'X-Real-IP', 'Gatehouse-Caller', 'X-Gone'] },
          replace: { uri: '/base/items/$(uri_captures[1])', headers: ['X-Set:yes'] },
          add: { headers: ['X-Set:yes'] },
        },
      },
    ]);
    assert.equal(
      (health['plugins'] as Data[]).find(({ name }) => name === 'openid-connect'),
      undefined,
    );
  });

  it('routes other versions by path or header, and none by query', async () => {
    const versions = [version(), version({ apiId: 'a2', name: 'v2' })];
    const paths = (document: Data): unknown[] =>
      (document['services'] as Data[]).map(({ routes }) => [
        (routes as Data[])[0]?.['paths'][0],
        (routes as Data[])[0]?.['headers'],
      ]);
    assert.deepEqual(paths(await kong([api(versions)])), [
      ['~/gateway/orders/items/([^/]+?)$', undefined],
      ['~/gateway/orders/v2/items/([^/]+?)$', undefined],
    ]);
    assert.deepEqual(paths(await kong([api(versions, { scheme: { in: 'header', name: 'X-Version' } })])), [
      ['~/gateway/orders/items/([^/]+?)$', undefined],
      ['~/gateway/orders/items/([^/]+?)$', { 'X-Version': ['v2'] }],
    ]);
    const byQuery = [api(versions, { scheme: { in: 'query', name: 'v' } })];
    assert.equal(paths(await kong(byQuery)).length, 1);
    assert.deepEqual(notes(await exportKong({ tenant: TENANT, apis: byQuery })), [
      '"orders/v2 GET /items/{id}": Kong does not route by query parameters',
      '"orders/v2 POST /items": Kong does not route by query parameters',
    ]);
  });
});

describe('the export for APISIX', () => {
  it('ends with the line that APISIX waits for', async () => {
    assert.match(await exportApisix({ tenant: TENANT, apis: [orders()] }), /\n#END\n$/);
  });

  it('has a route for each operation, with its backend and its plugins', async () => {
    const [read, health] = (await apisix([orders()]))['routes'] as [Data, Data];
    assert.deepEqual(read, {
      id: 'gatehouse-orders.1',
      name: 'gatehouse-orders.1',
      uris: ['/gateway/orders', '/gateway/orders/*'],
      methods: ['GET', 'HEAD'],
      vars: [['uri', '~~', '^/gateway/orders/items/([^/]+?)$']],
      priority: 7,
      enable_websocket: true,
      plugins: {
        'openid-connect': {
          client_id: 'https://orders.example.com',
          client_secret: '$ENV://GATEHOUSE_CLIENT_SECRET',
          discovery: 'http://id.example.com/.well-known/openid-configuration',
          bearer_only: true,
          use_jwks: true,
          ssl_verify: true,
          required_scopes: ['orders.read', 'orders.basic'],
          claim_validator: {
            issuer: { valid_issuers: ['http://id.example.com'] },
            audience: { required: true, match_with_client_id: true },
          },
          set_access_token_header: false,
          set_id_token_header: false,
          set_userinfo_header: false,
        },
        'key-auth': {
          header: 'Ocp-Apim-Subscription-Key',
          query: 'subscription-key',
          hide_credentials: true,
        },
        'limit-count': {
          count: 10,
          time_window: 60,
          key_type: 'var',
          key: 'remote_addr',
          rejected_code: 429,
          policy: 'local',
          group: 'api1',
        },
        cors: { allow_origins: 'https://app.example.com', allow_credential: true, max_age: 600 },
        'response-rewrite': { headers: { set: { 'X-Answer': 'a' }, remove: [] } },
        'proxy-rewrite': {
          regex_uri: ['^/gateway/orders(/.*)?$', '/base$1'],
          headers: {
            set: { 'X-Set': 'yes' },
            remove: [
              'Cookie',
              'Forwarded',
              'Proxy',
              'X-Real-IP',
              'Gatehouse-Caller',
              'Authorization',
              'DPoP',
              'X-Gone',
            ],
          },
        },
      },
      upstream: {
        type: 'roundrobin',
        scheme: 'https',
        pass_host: 'node',
        nodes: [{ host: 'orders.example.com', port: 443, weight: 1 }],
        retries: 0,
        timeout: { connect: 5, send: 300, read: 300 },
      },
    });
    assert.equal((health['plugins'] as Data)['openid-connect'], undefined);
  });

  it('routes other versions by path, header or query', async () => {
    const versions = [version(), version({ apiId: 'a2', name: 'v2' })];
    const vars = async (more: Partial<LiveApi>): Promise<unknown> =>
      ((await apisix([api(versions, more)]))['routes'] as Data[])[2]?.['vars'];
    assert.deepEqual(await vars({}), [['uri', '~~', '^/gateway/orders/v2/items/([^/]+?)$']]);
    assert.deepEqual(await vars({ scheme: { in: 'header', name: 'X-Version' } }), [
      ['uri', '~~', '^/gateway/orders/items/([^/]+?)$'],
      ['http_x_version', '==', 'v2'],
    ]);
    assert.deepEqual(await vars({ scheme: { in: 'query', name: 'v' } }), [
      ['uri', '~~', '^/gateway/orders/items/([^/]+?)$'],
      ['arg_v', '==', 'v2'],
    ]);
  });
});

describe('the export for Azure API Management', () => {
  it('is a template with the API, its operations, its policy and its product', async () => {
    const { resources, parameters } = await azure([orders()]);
    assert.deepEqual(parameters, { apimServiceName: { type: 'string' } });
    assert.deepEqual(
      (resources as Data[]).map(({ type, name }) => [
        String(type).replace('Microsoft.ApiManagement/service/', ''),
        name,
      ]),
      [
        ['products', "[concat(parameters('apimServiceName'), '/', 'gatehouse-p1')]"],
        ['products/policies', "[concat(parameters('apimServiceName'), '/', 'gatehouse-p1', '/', 'policy')]"],
        ['apis', "[concat(parameters('apimServiceName'), '/', 'gatehouse-orders')]"],
        ['apis/operations', "[concat(parameters('apimServiceName'), '/', 'gatehouse-orders', '/', 'op-1')]"],
        ['apis/operations', "[concat(parameters('apimServiceName'), '/', 'gatehouse-orders', '/', 'op-2')]"],
        ['apis/policies', "[concat(parameters('apimServiceName'), '/', 'gatehouse-orders', '/', 'policy')]"],
        [
          'products/apis',
          "[concat(parameters('apimServiceName'), '/', 'gatehouse-p1', '/', 'gatehouse-orders')]",
        ],
      ],
    );
    const [, , anApi, read] = resources as Data[];
    assert.deepEqual(anApi?.['properties'], {
      displayName: 'orders',
      path: 'gateway/orders',
      protocols: ['https'],
      serviceUrl: 'https://orders.example.com/base',
      subscriptionRequired: true,
      subscriptionKeyParameterNames: { header: 'Ocp-Apim-Subscription-Key', query: 'subscription-key' },
    });
    assert.deepEqual(read?.['properties'], {
      displayName: 'GET /items/{id}',
      method: 'GET',
      urlTemplate: '/items/{id}',
      templateParameters: [{ name: 'id', type: 'string', required: true }],
    });
  });

  it('checks the token and each scope by its words', async () => {
    const policy = policyIn(await azure([orders()]));
    for (const part of [
      '<openid-config url="http://id.example.com/.well-known/openid-configuration" />',
      '<audience>https://orders.example.com</audience>',
      '<claim name="scope" match="any" separator=" "><value>read</value><value>orders.read</value><value>orders.all</value></claim>' +
        '<claim name="scope" match="any" separator=" "><value>basic</value><value>orders.basic</value><value>orders.all</value></claim>',
      '<when condition="@(new [] { &quot;op-2&quot; }.Contains(context.Operation.Id))"></when>',
      '<rate-limit-by-key calls="10" renewal-period="60" counter-key="@(context.Request.IpAddress)" />',
      '<quota-by-key calls="1000" renewal-period="86400" counter-key="@(context.Request.IpAddress)" />',
      '<set-header name="Authorization" exists-action="delete" />',
      '<set-header name="X-Set" exists-action="override"><value>yes</value></set-header>',
    ])
      assert.ok(policy.includes(part), `${part} is not in ${policy}`);
  });

  it('has a version set where an API has versions', async () => {
    const versions = [version(), version({ apiId: 'a2', name: 'v2' })];
    const { resources } = await azure([api(versions, { scheme: { in: 'header', name: 'X-Version' } })]);
    const [set, first] = resources as [Data, Data];
    assert.deepEqual(set['properties'], {
      displayName: 'orders',
      versioningScheme: 'Header',
      versionHeaderName: 'X-Version',
    });
    assert.equal(
      first['properties'].apiVersionSetId,
      "[resourceId('Microsoft.ApiManagement/service/apiVersionSets', parameters('apimServiceName'), 'gatehouse-api1')]",
    );
  });

  it('takes a tenant’s text for text, and for no expression of a template or a policy [SEC-G30]', async () => {
    const evil = "[reference('secret')]";
    const template = await azure([
      api(
        [
          version({
            products: [{ id: 'p', name: evil, subscriptionRequired: true }],
            revisions: [
              revision({
                policy: {
                  setHeader: {
                    request: {
                      'X-A': '@(context.Variables)',
                      'X-B': 'a{{secret}}b',
                      'X-C': '"/><send-request url="x',
                    },
                  },
                },
              }),
            ],
          }),
        ],
        { name: evil },
      ),
    ]);
    const [product] = template['resources'] as [Data];
    assert.equal(product['properties'].displayName, `[${evil}`);
    const policy = policyIn(template);
    assert.ok(policy.includes('<value>@(&quot;\\u0040\\u0028context.Variables\\u0029&quot;)</value>'));
    assert.ok(policy.includes('<value>@(&quot;a\\u007b\\u007bsecret\\u007d\\u007db&quot;)</value>'));
    assert.ok(policy.includes('<value>&quot;/&gt;&lt;send-request url=&quot;x</value>'));
    assert.doesNotMatch(policy, /<send-request/);
  });
});

describe('what a product cannot demand as Gatehouse does', () => {
  const leftOut = async (more: LiveApi): Promise<Record<string, string[]>> => {
    const source = { tenant: TENANT, apis: [more] };
    const { metadata } = JSON.parse(await exportAzure(source)) as Data;
    return {
      kong: notes(await exportKong(source)),
      apisix: notes(await exportApisix(source)),
      azure: (metadata as Data)['notExported'] as string[],
    };
  };
  const one = (more: Partial<Parameters<typeof operation>[1]>, policy = {}): LiveApi =>
    api([version({ revisions: [revision({ operations: [operation('GET /x', more)], policy })] })]);

  it('is left out with its operation, and named [SEC-G30]', async () => {
    for (const [made, reason] of [
      [one({ permissions: ['orders.admin'] }), 'it asks a permission, which only Gatehouse knows of'],
      [one({}, { mock: {} }), 'its policy mock has no counterpart'],
      [one({}, { rewrite: { prefix: '/v3' } }), 'its policy rewrite has no counterpart'],
      [one({ scopes: [['a b"']] }), 'a scope has unusual characters'],
    ] as const) {
      const said = await leftOut(made);
      assert.deepEqual(said['kong'], [`"orders GET /x": ${reason}`]);
      assert.deepEqual(said['apisix'], [`"orders GET /x": ${reason}`]);
      assert.deepEqual(said['azure'], [`orders GET /x: ${reason}`]);
      assert.deepEqual((await kong([made]))['services'], []);
      assert.deepEqual((await apisix([made]))['routes'], []);
      assert.deepEqual((await azure([made]))['resources'], []);
    }
  });

  it('is left out of the product that cannot', async () => {
    const alternatives = await leftOut(one({ scopes: [['a', 'b'], ['c']] }));
    assert.deepEqual(alternatives['kong'], []);
    assert.deepEqual(alternatives['apisix'], ['"orders GET /x": it has alternatives of scopes']);
    assert.deepEqual(alternatives['azure'], ['orders GET /x: it has alternatives of several scopes']);
    assert.deepEqual((await leftOut(withIpFilter()))['azure'], [
      'orders GET /items/{id}: its policy ipFilter is not exported',
      'orders POST /items: its policy ipFilter is not exported',
    ]);
  });

  it('is left out where a header’s value would be read as a template [SEC-G30]', async () => {
    const said = await leftOut(one({}, { setHeader: { request: { 'X-A': '$(os.execute("x"))' } } }));
    assert.match(String(said['kong']), /read as templates/);
    assert.match(String(said['apisix']), /read as variables/);
  });

  it('is named where only a limit or a step is lost', async () => {
    const said = await leftOut(
      one(
        {},
        {
          rateLimit: { calls: 1, seconds: 7 },
          quota: { calls: 1, period: 'month', by: 'user' },
          cache: { seconds: 5 },
        },
      ),
    );
    assert.deepEqual(said['azure'], [
      'orders: the policy cache is not exported',
      'orders: quota is not exported: Azure has no month',
    ]);
    assert.equal(said['kong']?.length, 3);
    assert.equal(said['apisix']?.length, 3);
  });

  it('stands in comments as one line, whatever names contain', async () => {
    const text = await exportKong({
      tenant: { ...TENANT, name: 'a\nservices: []\n#' },
      apis: [one({ permissions: ['x'] })],
    });
    assert.doesNotMatch(text, /^services: \[\]\n#/m);
    assert.match(text, /^# Gatehouse, tenant "a\\nservices: \[\]\\n#", APIs: 1/);
  });
});
