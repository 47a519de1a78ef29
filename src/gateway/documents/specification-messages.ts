import { quoted } from './mistakes.js';

/** What one message of the library means: a sentence that says what to change, of what stands in the message. */
type Row = readonly [form: RegExp, advice: (...parts: string[]) => string];

/** As the library writes `a`, `b`, and `c`. */
const namesIn = (list: string): string =>
  list.replace(/`\{?([^`{}]*)\}?`/g, (_, name: string) => quoted(name)).replace(', and ', ' and ');

const ONE_OF_TYPES = 'Write one of "apiKey", "http", "oauth2", "openIdConnect", "mutualTLS" as the type.';

const ROWS: readonly Row[] = [
  [
    /^The operationId `(.*)` is duplicated/,
    (name) => `Give each operation an operationId of its own: ${quoted(name)} is there twice.`,
  ],
  [
    /^Path parameters cannot be optional\. Set `required=true` for the `(.*)` parameter at `/,
    (name) => `Add "required" with the value true to the path parameter ${quoted(name)}.`,
  ],
  [
    /^`.*` has a path parameter named `(.*)`, but there is no corresponding `/,
    (name) => `Remove the path parameter ${quoted(name)}, or write ${quoted(`{${name}}`)} in the path.`,
  ],
  [
    /^`.*` is missing path parameter\(s\) for (.*)\.$/,
    (list) =>
      /` and `|, /.test(list)
        ? `Describe the path parameters ${namesIn(list)} in "parameters".`
        : `Describe the path parameter ${namesIn(list)} in "parameters".`,
  ],
  [
    /^`.*` must have exactly one media type in `content`, but found (\d+)\.$/,
    (count) => `Describe one media type in "content", not ${count}.`,
  ],
  [/^`.*` is an array, so it must include an `items` schema\.$/, () => 'Add "items" to the array.'],
  [
    /^Found multiple `(.*)` parameters named `(.*)` in `/,
    (place, name) => `Remove one of the parameters ${quoted(name)} with the place ${quoted(place)}.`,
  ],
  [
    /^`.*` has multiple path placeholders named `(.*)`\.$/,
    (name) => `Rename one of the two ${quoted(name)} in the path.`,
  ],
  [/^`.*` has (\d+) body parameters\./, (count) => `Describe one body parameter, not ${count}.`],
  [
    /^`.*` has `body` and `formData` parameters\./,
    () => 'Describe a parameter with the place "body", or those with "formData", not both.',
  ],
  [
    /^`.*` has a file parameter, so it must consume /,
    () => 'Add "multipart/form-data" to "consumes": a parameter is a file.',
  ],
  [
    /^`.*` has an invalid response code: (.*)$/,
    (code) => `Write a response code from 100 to 599, not ${quoted(code)}.`,
  ],
  [
    /^Property `(.*)` is listed as required but does not exist in `/,
    (name) => `Describe the property ${quoted(name)}, or remove it from "required".`,
  ],
  [
    /^OpenAPI 3\.1 definitions must contain at least one entry in either /,
    () => 'Describe something in "paths", "webhooks" or "components".',
  ],
  [/^`.*` is missing required property `type`\./, () => ONE_OF_TYPES],
  [/^`.*` has an invalid `type`: `/, () => ONE_OF_TYPES],
  [
    /^`.*` uses `type: basic`, which is a Swagger 2\.0 value\./,
    () => 'Write "http" as the type and "basic" as the scheme: "basic" is a type of Swagger 2 only.',
  ],
  [
    /^`.*` uses `type: http`, which is an OpenAPI 3\.x value\./,
    () => 'Write "basic" as the type: "http" is a type of OpenAPI 3 only.',
  ],
  [/^`.*` \(`type: .*`\) is missing required property `(.*)`\.$/, (name) => `Add ${quoted(name)}.`],
  [
    /^`.*` \(`type: (.*)`\) includes `(.*)`, which is only valid for `type: /,
    (type, name) => `Remove ${quoted(name)}: it has no meaning for the type ${quoted(type)}.`,
  ],
  [
    /^`.*` has an invalid `in` value: `.*`\. Must be one of: /,
    () => 'Write one of "query", "header", "cookie" as the place ("in").',
  ],
  [
    /^`.*` has an invalid `in` value: `.*`\. Swagger 2\.0 only supports /,
    () => 'Write one of "query", "header" as the place ("in").',
  ],
  [
    /^`.*` has empty `flows`\./,
    () => 'Describe one of "implicit", "password", "clientCredentials", "authorizationCode" in "flows".',
  ],
  [
    /^`.*` has an invalid name\. (?:Component|Definition) names should match /,
    () => 'Write this name with letters (A-Z, a-z), digits, ".", "_" and "-" only.',
  ],
  [
    /^Entries in the (?:Swagger|OpenAPI) `paths` object must begin with a leading slash\.$/,
    () => 'Begin each path with "/".',
  ],
];

/** What to change where a specification's rule is broken. @param message of the library that checks the rules, its first line. */
export function adviceOf(message: string): string {
  for (const [form, advice] of ROWS) {
    const found = form.exec(message);
    if (found) return advice(...found.slice(1));
  }
  return `Correct what breaks this rule: ${quoted(message)}.`;
}
