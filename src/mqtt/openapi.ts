import type { Described } from '../api/index.js';
import { KINDS, RIGHTS, type Right } from './schema.js';

type Json = Record<string, unknown>;

const SCHEME = 'mqttApp';
const TEXT = { type: 'string', minLength: 1, description: 'Up to 65,535 bytes of UTF-8.' } as const;
const PASSWORD = { type: 'string', minLength: 1, format: 'password' } as const;
const ZERO = { const: 0 } as const;

const object = (properties: Json, required: readonly string[] = Object.keys(properties)): Json => ({
  type: 'object',
  required,
  properties,
});
const list = (items: unknown): Json => ({ type: 'array', items });
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const FLAGS = {
  superuser: { type: 'boolean', description: 'Everything is allowed to it.' },
  enabled: { type: 'boolean' },
  expiresAt: { type: ['string', 'null'], format: 'date-time' },
} as const;
const RULE = {
  topic: { type: 'string', description: 'A topic filter; %c and %u stand for the client’s names.' },
  action: { type: 'string', enum: ['pub', 'sub', 'pubsub'] },
  access: { type: 'string', enum: ['allow', 'deny'] },
} as const;
const META = object({
  page: { type: 'integer' },
  limit: { type: 'integer' },
  count: { type: 'integer' },
});
const APP = {
  app_id: { type: 'string', pattern: '^[A-Za-z0-9._~-]{1,100}$' },
  rights: list({ type: 'string', enum: RIGHTS }),
  enabled: { type: 'boolean' },
} as const;
const TIMES = {
  createdAt: { type: 'string', format: 'date-time' },
  updatedAt: { type: 'string', format: 'date-time' },
} as const;

const device = (kind: string): string => (kind === 'username' ? 'MqttUser' : 'MqttClient');

const SCHEMAS: Json = {
  MqttDone: object({ code: ZERO }),
  MqttFailure: object({ code: { type: 'integer' }, message: { type: 'string' } }),
  MqttRule: object(RULE),
  MqttApp: object({ ...APP, ...TIMES }),
  MqttSecret: object({
    code: ZERO,
    data: object({ ...APP, ...TIMES, app_secret: { type: 'string' } }, ['app_id', 'app_secret']),
  }),
  ...Object.fromEntries(
    KINDS.map((kind) => [
      device(kind),
      object({ [kind]: TEXT, password: PASSWORD, ...FLAGS }, [kind, 'password']),
    ]),
  ),
};

const FAILURES: Record<number, string> = {
  400: '900001: the body is not JSON',
  401: '900002: the app or its secret is wrong',
  403: '900003: the app has not the right',
  404: '900004: there is nothing of this name',
  409: '900005: existed',
  413: '900007: the body is too large',
  422: '900006: a field is missing, empty, too long or not text',
  429: '900008: too many requests',
};

const as = (type: string, schema: unknown, example?: unknown): Json => ({
  [type]: { schema, ...(example !== undefined && { example }) },
});
const JSON_TYPE = 'application/json';
/** How a call is asked and answered: JSON, or, as RabbitMQ has it, a form in and a word out. */
const WAYS = {
  json: { asked: JSON_TYPE, answered: JSON_TYPE, done: 'Done' },
  form: {
    asked: 'application/x-www-form-urlencoded',
    answered: 'text/plain',
    done: 'The answer, as a word',
  },
} as const;

interface Call {
  id: string;
  summary: string;
  right: Right;
  parameters?: readonly Json[];
  body?: unknown;
  example?: unknown;
  answer: unknown;
  way?: keyof typeof WAYS;
  failures: readonly number[];
}

const call = ({
  id,
  summary,
  right,
  parameters = [],
  body,
  example,
  answer,
  way = 'json',
  failures,
}: Call): Json => ({
  operationId: id,
  summary,
  description: `For an app with the right \`${right}\`.`,
  tags: ['MQTT'],
  security: [{ [SCHEME]: [] }],
  parameters,
  ...(body !== undefined && {
    requestBody: { required: true, content: as(WAYS[way].asked, body, example) },
  }),
  responses: {
    200: { description: WAYS[way].done, content: as(WAYS[way].answered, answer) },
    ...Object.fromEntries(
      [401, 403, ...failures, 429].map((status) => [
        status,
        { description: FAILURES[status], content: as(JSON_TYPE, ref('MqttFailure')) },
      ]),
    ),
  },
});

const inPath = (name: string): Json => ({ name, in: 'path', required: true, schema: { type: 'string' } });
const inQuery = (name: string, schema: Json, description?: string): Json => ({
  name,
  in: 'query',
  required: false,
  schema,
  ...(description !== undefined && { description }),
});
const PAGE = [
  inQuery('_page', { type: 'integer', minimum: 1, default: 1 }),
  inQuery('_limit', { type: 'integer', minimum: 1, maximum: 10_000, default: 10 }),
];

function tablePaths(kind: (typeof KINDS)[number]): Record<string, Json> {
  const path = `/api/v4/auth_${kind}`;
  const id = (verb: string): string => `mqtt_${kind}_${verb}`;
  const one = object({ [kind]: TEXT, password: { type: 'string' }, ...FLAGS }, [kind]);
  const update = {
    summary: 'Sets the password, or what else is said of it',
    right: 'write',
    answer: ref('MqttDone'),
    failures: [400, 404, 413, 422],
  } as const;
  const inBody = 'by its name in the body, which may be longer than a path';
  const example = { [kind]: 'user_test', password: 'password' };
  return {
    [path]: {
      get: call({
        id: id('list'),
        summary: 'A page of names, the newest first',
        right: 'read',
        parameters: [...PAGE, inQuery(`_like_${kind}`, { type: 'string' }, 'A part of the name.')],
        answer: object({ meta: META, data: list(object({ [kind]: TEXT })), code: ZERO }),
        failures: [422],
      }),
      post: call({
        id: id('create'),
        summary: 'Creates one, or many in one call',
        right: 'write',
        body: { oneOf: [ref(device(kind)), list(ref(device(kind)))] },
        example,
        answer: object(
          {
            data: {
              type: 'object',
              additionalProperties: { type: 'string' },
              description: 'Of a list: `ok`, or why not, by name.',
            },
            code: ZERO,
          },
          ['code'],
        ),
        failures: [400, 409, 413, 422],
      }),
      put: call({
        ...update,
        id: id('update_named'),
        summary: `${update.summary}, ${inBody}`,
        body: object({ [kind]: TEXT, password: PASSWORD, ...FLAGS }, [kind]),
        example: { [kind]: 'user_test', password: 'new_password' },
      }),
      delete: call({
        id: id('delete_named'),
        summary: `Deletes it, ${inBody}`,
        right: 'write',
        body: object({ [kind]: TEXT }),
        example: { [kind]: 'user_test' },
        answer: ref('MqttDone'),
        failures: [400, 413, 422],
      }),
    },
    [`${path}/{name}`]: {
      get: call({
        id: id('get'),
        summary: 'One of them',
        right: 'read',
        parameters: [
          inPath('name'),
          inQuery('withHash', { type: 'boolean' }, 'With the hash, for an app with mqtt.hash.read.'),
        ],
        answer: object({ data: one, code: ZERO }),
        failures: [404],
      }),
      put: call({
        ...update,
        id: id('update'),
        parameters: [inPath('name')],
        body: object({ password: PASSWORD, ...FLAGS }, []),
        example: { password: 'new_password' },
      }),
      delete: call({
        id: id('delete'),
        summary: 'Deletes it; one that is not there as well',
        right: 'write',
        parameters: [inPath('name')],
        answer: ref('MqttDone'),
        failures: [],
      }),
    },
  };
}

/** Of a list: each rule with its result. */
const RULES_ADDED = object({ data: list({ type: 'object', additionalProperties: true }), code: ZERO }, [
  'code',
]);

function rulePaths(path: string, id: string, parameters: readonly Json[]): Record<string, Json> {
  const example = { topic: 'devices/%c/#', action: 'pubsub', access: 'allow' };
  const body = { oneOf: [ref('MqttRule'), list(ref('MqttRule'))] };
  return {
    [path]: {
      get: call({
        id: `${id}_list`,
        summary: 'The rules, in the order in which they are looked at',
        right: 'read',
        parameters,
        answer: object({ meta: META, data: list(ref('MqttRule')), code: ZERO }),
        failures: [],
      }),
      post: call({
        id: `${id}_add`,
        summary: 'Adds rules behind those that are there',
        right: 'write',
        parameters,
        body,
        example,
        answer: RULES_ADDED,
        failures: [400, 409, 413, 422],
      }),
      put: call({
        id: `${id}_replace`,
        summary: 'Puts rules in the place of all that are there',
        right: 'write',
        parameters,
        body,
        example: [example],
        answer: ref('MqttDone'),
        failures: [400, 409, 413, 422],
      }),
      delete: call({
        id: `${id}_clear`,
        summary: 'Takes all rules out',
        right: 'write',
        parameters,
        answer: ref('MqttDone'),
        failures: [],
      }),
    },
    [`${path}/topic/{topic}`]: {
      delete: call({
        id: `${id}_delete`,
        summary: 'Takes out what is said of a topic filter',
        right: 'write',
        parameters: [...parameters, inPath('topic')],
        answer: ref('MqttDone'),
        failures: [],
      }),
    },
  };
}

const NAMED_RULE = object({ username: TEXT, clientid: TEXT, ...RULE }, Object.keys(RULE));

/** Rules whose owner is named in the body, and all rules of a kind. */
const RULE_PATHS: Record<string, Json> = {
  '/api/v4/acl': {
    post: call({
      id: 'mqtt_acl_add',
      summary: 'Adds rules of the name in the body; of everybody where there is none',
      right: 'write',
      body: { oneOf: [NAMED_RULE, list(NAMED_RULE)] },
      example: { username: 'user_test', topic: 'devices/%c/#', action: 'pubsub', access: 'allow' },
      answer: RULES_ADDED,
      failures: [400, 409, 413, 422],
    }),
    delete: call({
      id: 'mqtt_acl_delete',
      summary: 'Takes out the rules of the name in the body, or what is said of one topic filter',
      right: 'write',
      body: object({ username: TEXT, clientid: TEXT, topic: RULE.topic }, []),
      example: { username: 'user_test', topic: 'devices/%c/#' },
      answer: ref('MqttDone'),
      failures: [400, 413, 422],
    }),
  },
  ...Object.fromEntries(
    KINDS.map((kind) => [
      `/api/v4/acl/${kind}`,
      {
        get: call({
          id: `mqtt_acl_${kind}_page`,
          summary: 'A page of all rules of this kind, with their names',
          right: 'read',
          parameters: PAGE,
          answer: object({ meta: META, data: list(object({ [kind]: TEXT, ...RULE })), code: ZERO }),
          failures: [422],
        }),
      },
    ]),
  ),
};

const APP_PATHS: Record<string, Json> = {
  '/api/v4/apps': {
    get: call({
      id: 'mqtt_app_list',
      summary: 'The programs that may call',
      right: 'read',
      answer: object({ data: list(ref('MqttApp')), code: ZERO }),
      failures: [],
    }),
    post: call({
      id: 'mqtt_app_create',
      summary: 'Makes one; its secret is shown this once',
      right: 'write',
      body: object(APP, ['app_id']),
      example: { app_id: 'emqx', rights: ['broker'] },
      answer: ref('MqttSecret'),
      failures: [400, 409, 422],
    }),
  },
  '/api/v4/apps/{appId}': {
    get: call({
      id: 'mqtt_app_get',
      summary: 'One of them',
      right: 'read',
      parameters: [inPath('appId')],
      answer: object({ data: ref('MqttApp'), code: ZERO }),
      failures: [404],
    }),
    put: call({
      id: 'mqtt_app_update',
      summary: 'Sets its rights, enables or disables it',
      right: 'write',
      parameters: [inPath('appId')],
      body: object({ rights: APP.rights, enabled: APP.enabled }, []),
      example: { enabled: false },
      answer: ref('MqttDone'),
      failures: [400, 404, 422],
    }),
    delete: call({
      id: 'mqtt_app_delete',
      summary: 'Takes it out',
      right: 'write',
      parameters: [inPath('appId')],
      answer: ref('MqttDone'),
      failures: [404],
    }),
  },
  '/api/v4/apps/{appId}/secret': {
    post: call({
      id: 'mqtt_app_secret',
      summary: 'Another secret in place of the one before; it is shown this once',
      right: 'write',
      parameters: [inPath('appId')],
      answer: ref('MqttSecret'),
      failures: [404],
    }),
  },
};

const NAMES = { username: { type: 'string' }, clientid: { type: 'string' } } as const;
const RESULT = { type: 'string', enum: ['allow', 'deny', 'ignore'] } as const;

const BROKER_PATHS: Record<string, Json> = {
  '/mqtt/auth': {
    post: call({
      id: 'mqtt_auth',
      summary:
        'Whether a device may sign in, as EMQX 5 asks (a form is answered by the status, as EMQX 4 wants it)',
      right: 'broker',
      body: object({ ...NAMES, password: PASSWORD, peerhost: { type: 'string' } }, ['password']),
      example: { username: 'user_test', clientid: 'c1', password: 'password', peerhost: '203.0.113.9' },
      answer: object(
        {
          result: RESULT,
          is_superuser: { type: 'boolean' },
          expire_at: { type: 'integer', description: 'Seconds since 1970.' },
          acl: list({ type: 'object', additionalProperties: true }),
        },
        ['result'],
      ),
      failures: [400, 413, 422],
    }),
  },
  '/mqtt/acl': {
    post: call({
      id: 'mqtt_acl',
      summary: 'Whether a device that has signed in may publish to a topic, or subscribe to a filter',
      right: 'broker',
      body: object(
        { ...NAMES, topic: { type: 'string' }, action: { type: 'string', enum: ['publish', 'subscribe'] } },
        ['topic', 'action'],
      ),
      example: { username: 'user_test', clientid: 'c1', topic: 'devices/c1/up', action: 'publish' },
      answer: object({ result: RESULT }),
      failures: [400, 413, 422],
    }),
  },
  '/mqtt/superuser': {
    post: call({
      id: 'mqtt_superuser',
      summary: 'Whether everything is allowed to a device, as Mosquitto’s plugin and EMQX 4 ask',
      right: 'broker',
      body: object(NAMES, []),
      example: { username: 'user_test', clientid: 'c1' },
      answer: object({ result: RESULT }),
      failures: [400, 413, 422],
    }),
  },
};

/** A call of `rabbitmq_auth_backend_http`: a form in, a word out. */
const rabbit = (which: string, summary: string, fields: readonly string[], example: Json): Json => ({
  post: call({
    id: `mqtt_rabbit_${which}`,
    summary,
    right: 'broker',
    body: object(Object.fromEntries(fields.map((field) => [field, { type: 'string' }])), ['username']),
    example,
    answer: { type: 'string', enum: ['allow', 'allow administrator', 'deny'] },
    way: 'form',
    failures: [400, 413, 422],
  }),
});

const RABBIT_PATHS: Record<string, Json> = {
  '/mqtt/user': rabbit(
    'user',
    'Whether somebody may sign in, as RabbitMQ asks',
    ['username', 'password', 'client_id', 'vhost'],
    { username: 'user_test', password: 'password', client_id: 'c1', vhost: '/' },
  ),
  '/mqtt/vhost': rabbit(
    'vhost',
    'Whether one that has signed in may use a virtual host, as RabbitMQ asks',
    ['username', 'vhost', 'ip'],
    { username: 'user_test', vhost: '/', ip: '203.0.113.9' },
  ),
  '/mqtt/resource': rabbit(
    'resource',
    'Whether one may use a queue or an exchange, as RabbitMQ asks',
    ['username', 'client_id', 'vhost', 'resource', 'name', 'permission'],
    { username: 'user_test', vhost: '/', resource: 'exchange', name: 'amq.topic', permission: 'write' },
  ),
  '/mqtt/topic': rabbit(
    'topic',
    'Whether one may write to a topic or read from it, as RabbitMQ asks',
    ['username', 'client_id', 'vhost', 'resource', 'name', 'permission', 'routing_key'],
    {
      username: 'user_test',
      vhost: '/',
      resource: 'topic',
      name: 'amq.topic',
      permission: 'write',
      routing_key: 'devices.c1.up',
    },
  ),
};

/** The calls of `/api/v4` and `/mqtt`, with their Basic scheme. */
export const MQTT_API: Described = {
  paths: {
    ...Object.assign({}, ...KINDS.map(tablePaths)),
    ...rulePaths('/api/v4/acl/username/{name}', 'mqtt_acl_username', [inPath('name')]),
    ...rulePaths('/api/v4/acl/clientid/{name}', 'mqtt_acl_clientid', [inPath('name')]),
    ...rulePaths('/api/v4/acl/$all', 'mqtt_acl_all', []),
    ...RULE_PATHS,
    ...APP_PATHS,
    ...BROKER_PATHS,
    ...RABBIT_PATHS,
  } as Record<string, Json>,
  schemas: SCHEMAS,
  securitySchemes: {
    [SCHEME]: { type: 'http', scheme: 'basic', description: '`app_id:app_secret` of an app (docs/mqtt.md).' },
  },
};
