import type { Options } from 'ajv';
import type { JSONSchema } from 'json-schema-to-ts';
import { MAIL_DRIVER, SMS_DRIVER } from './kernel/message-drivers.js';
import { ADDRESS_FORMATS, CALLED_ADDRESS, WEB_ADDRESS } from './kernel/web-addresses.js';

const seconds = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;

/** Of programs that the first start makes. */
const programId = {
  type: 'string',
  pattern: '^[A-Za-z0-9._~-]{1,100}$',
  examples: ['my-program.1'],
} as const;
const programSecret = {
  type: 'string',
  minLength: 32,
  maxLength: 200,
  pattern: '^[\\x21-\\x7e]*$',
  examples: ['letters-digits-and-signs-no-blanks'],
} as const;

/** Of a service that the operator has this server call. */
const service = { type: 'string', maxLength: 1000, format: CALLED_ADDRESS } as const;

const quota = { type: 'integer', minimum: 1, maximum: 1_000_000_000 } as const;

/** How many requests a window may have of each; what is left out has no limit. */
const quotas = <D extends string>(...dimensions: D[]) =>
  ({
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(dimensions.map((dimension) => [dimension, quota])) as Record<
      D,
      typeof quota
    >,
  }) as const;

export const CONFIG_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: [
    'port',
    'host',
    'dataDir',
    'trustProxy',
    'mtls',
    'admin',
    'client',
    'log',
    'metrics',
    'demo',
    'store',
    'lifetimes',
    'passwords',
    'lockout',
    'keys',
    'limits',
    'server',
    'sweeper',
    'tenants',
    'codes',
    'messaging',
    'files',
    'mqtt',
    'outbound',
    'gateway',
    'codegen',
    'jobs',
  ],
  properties: {
    port: { type: 'integer', minimum: 0, maximum: 65535 },
    host: { type: 'string', minLength: 1 },
    issuer: { type: 'string', minLength: 1 },
    dataDir: { type: 'string', minLength: 1 },
    databaseUrl: { type: 'string', minLength: 1 },
    masterKey: { type: 'string' },
    newMasterKey: { type: 'string' },
    trustProxy: { type: 'array', items: { type: 'string' } },
    mtls: {
      type: 'object',
      additionalProperties: false,
      required: ['header', 'verifiedByProxy'],
      properties: {
        header: { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$', examples: ['client-cert'] },
        verifiedByProxy: { type: 'boolean' },
      },
    },
    admin: {
      type: 'object',
      additionalProperties: false,
      required: ['user'],
      properties: {
        user: { type: 'string', minLength: 1, maxLength: 100 },
        password: { type: 'string', minLength: 8, maxLength: 128 },
      },
    },
    client: {
      type: 'object',
      additionalProperties: false,
      required: ['id'],
      properties: {
        id: programId,
        secret: programSecret,
      },
    },
    mqtt: {
      type: 'object',
      additionalProperties: false,
      required: ['appId', 'audience', 'exchange', 'unknown', 'noMatch', 'passwords'],
      properties: {
        appId: programId,
        appSecret: programSecret,
        audience: { type: 'string', minLength: 1, maxLength: 200 },
        exchange: { type: 'string', minLength: 1, maxLength: 255 },
        unknown: { type: 'string', enum: ['deny', 'ignore'] },
        noMatch: { type: 'string', enum: ['deny', 'ignore', 'allow'] },
        passwords: {
          type: 'object',
          additionalProperties: false,
          required: ['algorithm', 'iterations', 'cost'],
          properties: {
            algorithm: { type: 'string', enum: ['sha256', 'pbkdf2', 'bcrypt'] },
            iterations: { type: 'integer', minimum: 1000, maximum: 1_000_000 },
            cost: { type: 'integer', minimum: 8, maximum: 14 },
          },
        },
      },
    },
    log: {
      type: 'object',
      additionalProperties: false,
      required: ['level'],
      properties: {
        level: { type: 'string', enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] },
      },
    },
    metrics: {
      type: 'object',
      additionalProperties: false,
      required: ['host'],
      properties: {
        host: { type: 'string', minLength: 1 },
        port: { type: 'integer', minimum: 0, maximum: 65535 },
      },
    },
    demo: { type: 'boolean' },
    outbound: {
      type: 'object',
      additionalProperties: false,
      required: ['allow'],
      properties: { allow: { type: 'array', items: { type: 'string' } } },
    },
    store: {
      type: 'object',
      additionalProperties: false,
      required: [
        'durability',
        'poolSize',
        'waitSeconds',
        'connectSeconds',
        'statementSeconds',
        'idleTransactionSeconds',
      ],
      properties: {
        durability: { type: 'string', enum: ['normal', 'full'] },
        poolSize: { type: 'integer', minimum: 2, maximum: 200 },
        waitSeconds: { type: 'integer', minimum: 1, maximum: 120 },
        connectSeconds: { type: 'integer', minimum: 1, maximum: 60 },
        statementSeconds: { type: 'integer', minimum: 1, maximum: 300 },
        idleTransactionSeconds: { type: 'integer', minimum: 5, maximum: 3600 },
      },
    },
    lifetimes: {
      type: 'object',
      additionalProperties: false,
      required: [
        'freshSignIn',
        'accessToken',
        'accessTokenLongest',
        'idToken',
        'authorizationCode',
        'deviceCode',
        'interaction',
        'sessionIdle',
        'sessionAbsolute',
        'refreshTokenIdle',
        'refreshTokenAbsolute',
        'grant',
      ],
      properties: {
        freshSignIn: seconds,
        accessToken: seconds,
        accessTokenLongest: seconds,
        idToken: seconds,
        authorizationCode: { type: 'integer', minimum: 1, maximum: 60 },
        deviceCode: seconds,
        interaction: seconds,
        sessionIdle: seconds,
        sessionAbsolute: seconds,
        refreshTokenIdle: seconds,
        refreshTokenAbsolute: seconds,
        grant: seconds,
      },
    },
    passwords: {
      type: 'object',
      additionalProperties: false,
      required: ['memoryKiB', 'iterations', 'parallelism', 'queue'],
      properties: {
        breachCheckUrl: {
          ...service,
          pattern: '/$',
          examples: ['https://api.pwnedpasswords.com/range/'],
        },
        memoryKiB: { type: 'integer', minimum: 19456, maximum: 4194304 },
        iterations: { type: 'integer', minimum: 2, maximum: 100 },
        parallelism: { type: 'integer', minimum: 1, maximum: 16 },
        concurrency: { type: 'integer', minimum: 1, maximum: 64 },
        queue: { type: 'integer', minimum: 0, maximum: 10000 },
      },
    },
    lockout: {
      type: 'object',
      additionalProperties: false,
      required: ['failures', 'minutes', 'accountFailures'],
      properties: {
        failures: { type: 'integer', minimum: 1, maximum: 100 },
        minutes: { type: 'integer', minimum: 1, maximum: 1440 },
        accountFailures: { type: 'integer', minimum: 5, maximum: 100000 },
      },
    },
    keys: {
      type: 'object',
      additionalProperties: false,
      required: ['rotationDays', 'publishSeconds', 'intervalSeconds'],
      properties: {
        rotationDays: { type: 'integer', minimum: 1, maximum: 3650 },
        publishSeconds: { type: 'integer', minimum: 2, maximum: 2_592_000 },
        intervalSeconds: { type: 'integer', minimum: 1, maximum: 3600 },
      },
    },
    limits: {
      type: 'object',
      additionalProperties: false,
      required: [
        'enabled',
        'windowSeconds',
        'token',
        'authorize',
        'signIn',
        'userCode',
        'introspection',
        'api',
        'open',
        'pages',
      ],
      properties: {
        enabled: { type: 'boolean' },
        windowSeconds: { type: 'integer', minimum: 1, maximum: 3600 },
        shared: { type: 'boolean' },
        token: quotas('tenant', 'client', 'address'),
        authorize: quotas('tenant', 'address'),
        signIn: quotas('tenant', 'address'),
        userCode: quotas('tenant', 'address'),
        introspection: quotas('tenant', 'client', 'address'),
        api: quotas('tenant', 'client', 'address'),
        open: quotas('tenant', 'address'),
        pages: quotas('tenant', 'address'),
      },
    },
    server: {
      type: 'object',
      additionalProperties: false,
      required: [
        'headersTimeoutSeconds',
        'requestTimeoutSeconds',
        'readTimeoutSeconds',
        'shutdownDelaySeconds',
        'maxConnections',
        'maxConnectionsPerAddress',
        'maxInFlight',
        'maxBodiesPerAddress',
        'maxPipelined',
        'hstsIncludeSubDomains',
      ],
      properties: {
        headersTimeoutSeconds: { type: 'integer', minimum: 1, maximum: 120 },
        requestTimeoutSeconds: { type: 'integer', minimum: 1, maximum: 300 },
        shutdownDelaySeconds: { type: 'integer', minimum: 0, maximum: 300 },
        maxConnections: { type: 'integer', minimum: 10, maximum: 1_000_000 },
        maxConnectionsPerAddress: { type: 'integer', minimum: 1, maximum: 1_000_000 },
        maxInFlight: { type: 'integer', minimum: 10, maximum: 1_000_000 },
        readTimeoutSeconds: { type: 'integer', minimum: 1, maximum: 300 },
        maxBodiesPerAddress: { type: 'integer', minimum: 1, maximum: 1_000_000 },
        maxPipelined: { type: 'integer', minimum: 1, maximum: 1000 },
        hstsIncludeSubDomains: { type: 'boolean' },
      },
    },
    sweeper: {
      type: 'object',
      additionalProperties: false,
      required: ['enabled', 'intervalSeconds'],
      properties: {
        enabled: { type: 'boolean' },
        intervalSeconds: { type: 'integer', minimum: 1, maximum: 86400 },
      },
    },
    gateway: {
      type: 'object',
      additionalProperties: false,
      required: ['announcementsPerDay', 'usage'],
      properties: {
        announcementsPerDay: { type: 'integer', minimum: 0, maximum: 10000 },
        usage: {
          type: 'object',
          additionalProperties: false,
          required: ['minuteHours', 'hourDays', 'dayDays'],
          properties: {
            minuteHours: { type: 'integer', minimum: 1, maximum: 744 },
            hourDays: { type: 'integer', minimum: 1, maximum: 1100 },
            dayDays: { type: 'integer', minimum: 1, maximum: 3660 },
          },
        },
      },
    },
    codegen: {
      type: 'object',
      additionalProperties: false,
      properties: {
        openapiGenerator: {
          type: 'object',
          additionalProperties: false,
          properties: {
            jar: { type: 'string', minLength: 1, maxLength: 1000 },
            url: service,
            java: { type: 'string', minLength: 1, maxLength: 1000 },
          },
        },
      },
    },
    jobs: {
      type: 'object',
      additionalProperties: false,
      required: ['minutes'],
      properties: { minutes: { type: 'integer', minimum: 1, maximum: 30 } },
    },
    tenants: {
      type: 'object',
      additionalProperties: false,
      required: ['cached', 'refreshSeconds'],
      properties: {
        cached: { type: 'integer', minimum: 1, maximum: 100000 },
        refreshSeconds: { type: 'integer', minimum: 1, maximum: 5 },
      },
    },
    codes: {
      type: 'object',
      additionalProperties: false,
      required: [
        'smsLifetime',
        'mailLifetime',
        'spacing',
        'perTarget',
        'perAddress',
        'smsPerTenant',
        'mailPerTenant',
        'countries',
      ],
      properties: {
        smsLifetime: { type: 'integer', minimum: 30, maximum: 300 },
        mailLifetime: { type: 'integer', minimum: 30, maximum: 1800 },
        spacing: { type: 'integer', minimum: 1, maximum: 3600 },
        perTarget: quota,
        perAddress: quota,
        smsPerTenant: quota,
        mailPerTenant: quota,
        countries: { type: 'array', items: { type: 'string', pattern: '^[A-Z]{2}$', examples: ['CN'] } },
        countryCode: { type: 'string', pattern: '^[1-9][0-9]{0,2}$', examples: ['86'] },
        challenge: {
          type: 'object',
          additionalProperties: false,
          required: ['url', 'secret'],
          properties: {
            url: service,
            secret: { type: 'string', minLength: 1, maxLength: 500 },
            page: { type: 'string', maxLength: 1000, format: WEB_ADDRESS },
          },
        },
      },
    },
    files: {
      type: 'object',
      additionalProperties: false,
      properties: {
        s3: {
          type: 'object',
          additionalProperties: false,
          required: ['bucket', 'region'],
          properties: {
            bucket: { type: 'string', minLength: 3, maxLength: 63 },
            region: { type: 'string', minLength: 1, maxLength: 50 },
            endpoint: service,
            pathStyle: { type: 'boolean' },
            accessKeyId: { type: 'string', minLength: 1, maxLength: 200 },
            secretAccessKey: { type: 'string', minLength: 1, maxLength: 500 },
          },
        },
      },
    },
    messaging: {
      type: 'object',
      additionalProperties: false,
      properties: {
        smtpUrl: { type: 'string', minLength: 1, maxLength: 1000 },
        mailFrom: { type: 'string', minLength: 3, maxLength: 320 },
        mail: MAIL_DRIVER,
        sms: SMS_DRIVER,
      },
    },
  },
} as const satisfies JSONSchema;

/** How Ajv checks a configuration. The schema itself is checked by a test. */
export const CONFIG_OPTIONS: Options = {
  discriminator: true,
  formats: ADDRESS_FORMATS,
  validateSchema: false,
  verbose: true,
};
