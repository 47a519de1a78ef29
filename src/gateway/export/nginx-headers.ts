import { RATE_FIELDS } from '../../limits/index.js';
import { ANSWERED, DROPPED, SENT } from './authorize.js';
import type { Names, ServerParts } from './nginx-names.js';
import { quoted } from './nginx-text.js';

/** Headers of calls and of their answers, as directives. */

/** What does not reach the caller: the gateway says it, or it acts on the whole origin, which is the issuer's. */
export const NOT_ANSWERED = [
  'Accept-CH',
  'Alt-Svc',
  'Clear-Site-Data',
  'HTTP2-Settings',
  'NEL',
  'Proxy-Authenticate',
  'Proxy-Authentication-Info',
  'Report-To',
  'Service-Worker-Allowed',
  'Set-Cookie',
  'Set-Cookie2',
  'Set-Login',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Request-Id',
];

/** The variable that has the value of a rate field for the caller: Gatehouse's where it has counted the call, else the backend's. */
export const limitVariable = (variable: Names['variable'], name: string): string => variable(`said_${name}`);

type Headers = Readonly<Record<string, string | null>>;

/** nginx takes all `proxy_set_header` of one level: a location that adds one has to repeat the others. */
export function requestHeaders({ names: { variable }, options }: ServerParts, set: Headers): string[] {
  const own = [
    `proxy_set_header Host $${variable('host')};`,
    `proxy_set_header Upgrade $${variable('upgrade')};`,
    `proxy_set_header Connection $${variable('connection')};`,
    ...SENT.map((name) => `proxy_set_header ${name} $${variable(`send_${name}`)};`),
    ...[...DROPPED, options.certificateHeader].map((name) => `proxy_set_header ${name} "";`),
  ];
  return [
    ...own,
    ...Object.entries(set).map(
      ([name, value]) => `proxy_set_header ${name} ${quoted(value ?? '', variable('dollar'))};`,
    ),
  ];
}

/** nginx takes all `add_header` of one level as well. What a policy decides on is said once. */
export function answerHeaders(variable: Names['variable'], set: Headers): string[] {
  const decided = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  const ofLimits: readonly string[] = RATE_FIELDS;
  return [
    'add_header Content-Security-Policy sandbox always;',
    'add_header X-Content-Type-Options nosniff always;',
    ...ANSWERED.filter((name) => !ofLimits.includes(name)).map(
      (name) => `add_header ${name} $${variable(`answer_${name}`)} always;`,
    ),
    ...RATE_FIELDS.filter((name) => !decided.has(name.toLowerCase())).map(
      (name) => `add_header ${name} $${limitVariable(variable, name)} always;`,
    ),
    ...Object.entries(set).flatMap(([name, value]) =>
      value === null ? [] : [`add_header ${name} ${quoted(value, variable('dollar'))} always;`],
    ),
  ];
}
