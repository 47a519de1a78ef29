/** The languages that the tables are told in. */
export type Language = 'en' | 'zh-CN';

/** A row of an area's table: what a program reads (`code`), what a developer reads (`name`), and what a person reads. */
export interface Code {
  code: number;
  name: string;
  description: Record<Language, string>;
}

const row = (code: number, name: string, en: string, zh: string): Code => ({
  code,
  name,
  description: { en, 'zh-CN': zh },
});

/** What any operation can answer; each is the HTTP status as well. */
export const BASIC = {
  ok: row(200, 'Status200OK', 'Done', '成功'),
  error: row(400, 'HasError', 'The request can not be understood', '请求有误'),
  noPermission: row(401, 'NoPermission', 'No valid access token was sent', '没有有效的访问令牌'),
  forbidden: row(403, 'Forbidden', 'The token does not allow this', '没有权限'),
  notFound: row(404, 'NotFound', 'There is no such thing', '不存在'),
  methodNotAllowed: row(405, 'MethodNotAllowed', 'The address has no such method', '该地址不支持此方法'),
  conflict: row(409, 'Conflict', 'It conflicts with what is there', '与现有数据冲突'),
  preconditionFailed: row(412, 'PreconditionFailed', 'It was changed by somebody else', '数据已被他人修改'),
  payloadTooLarge: row(413, 'PayloadTooLarge', 'The request is too large', '请求过大'),
  unsupportedMediaType: row(415, 'UnsupportedMediaType', 'The body is not JSON', '请求内容不是 JSON'),
  expectationFailed: row(417, 'ExpectationFailed', 'An expectation can not be met', '无法满足期望'),
  unprocessable: row(422, 'UnprocessableEntity', 'A value is not acceptable', '参数不符合要求'),
  tooManyRequests: row(
    429,
    'TooManyRequests',
    'Too many requests; wait a moment',
    '请求过于频繁，请稍后再试',
  ),
  failed: row(500, 'InternalServerError', 'Something went wrong here', '服务器内部错误'),
  unavailable: row(503, 'ServiceUnavailable', 'Not at the moment; try again', '服务暂不可用，请稍后再试'),
} as const satisfies Record<string, Code>;

/** The rows of an area. Numbers are unique in the product: an area's begin at its own hundred thousand and one. */
export function defineCodes<K extends string>(
  first: number,
  rows: Record<K, [name: string, en: string, zh: string]>,
): Record<K, Code> {
  const codes = Object.entries(rows) as [K, [string, string, string]][];
  return Object.fromEntries(
    codes.map(([key, [name, en, zh]], index) => [key, row(first + index, name, en, zh)]),
  ) as Record<K, Code>;
}

/** The language that fits `Accept-Language` best; English where none does. */
export const languageOf = (accepted: readonly string[]): Language =>
  accepted
    .find((tag) => /^(en|zh)\b/i.test(tag))
    ?.toLowerCase()
    .startsWith('zh')
    ? 'zh-CN'
    : 'en';
