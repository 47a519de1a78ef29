import type { IncomingMessage } from 'node:http';
import { factsOf, hasLeft } from '../kernel/request.js';
import { defineCodes, type Code } from '../api/index.js';
import { Conflict, Invalid, NotFound, StoreUnavailable } from '../kernel/errors.js';
import type { Log } from '../observe/index.js';
import { NotJson, TooManyEntries } from './json-lists.js';

/** What `code` says where a call of /api/v4 fails; 0 is success. */
export const MQTT_CODES = defineCodes(900001, {
  malformed: ['Mqtt_Malformed', 'The body is not JSON, or not what the call takes', '请求内容格式错误'],
  wrongApp: ['Mqtt_WrongApp', 'The app or its secret is wrong', '应用或密钥错误'],
  noRight: ['Mqtt_NoRight', 'The app may not do this', '应用没有此权限'],
  unknownName: ['Mqtt_UnknownName', 'There is nothing of this name', '名称不存在'],
  existed: ['Mqtt_Existed', 'The name is taken', '名称已存在'],
  invalidField: [
    'Mqtt_InvalidField',
    'A field is missing, empty, too long or not text',
    '字段缺失、为空、过长或类型错误',
  ],
  tooLarge: ['Mqtt_TooLarge', 'The body is too large', '请求内容过大'],
  tooMany: ['Mqtt_TooMany', 'Too many requests', '请求过于频繁'],
  unknownCall: ['Mqtt_UnknownCall', 'There is no such call', '接口不存在'],
  failed: ['Mqtt_Failed', 'Something went wrong here', '服务器内部错误'],
  unavailable: ['Mqtt_Unavailable', 'The store does not answer now; try again', '服务暂不可用，请稍后再试'],
});

/** A call that did not do what was asked: its HTTP status, and what the body says. Nothing was changed. */
export class MqttFailure extends Error {
  override name = 'MqttFailure';
  constructor(
    readonly status: number,
    readonly code: Code,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

export const tooMany = (headers: Record<string, string>): MqttFailure =>
  new MqttFailure(429, MQTT_CODES.tooMany, 'too many requests; see Retry-After', headers);

/** What an error is answered as; undefined for what nobody expected. */
function failureOf(error: unknown): MqttFailure | undefined {
  if (error instanceof MqttFailure) return error;
  if (error instanceof Invalid)
    return new MqttFailure(422, MQTT_CODES.invalidField, `${error.key} ${error.message}`);
  if (error instanceof NotFound) return new MqttFailure(404, MQTT_CODES.unknownName, error.message);
  if (error instanceof Conflict) return new MqttFailure(409, MQTT_CODES.existed, error.message);
  if (error instanceof NotJson)
    return new MqttFailure(400, MQTT_CODES.malformed, `the body is not JSON in UTF-8: ${error.message}`, {
      Connection: 'close', // the rest of it may not have been read
    });
  if (error instanceof TooManyEntries)
    return new MqttFailure(413, MQTT_CODES.tooLarge, error.message, { Connection: 'close' });
  const { status, statusCode = status } = error as { status?: number; statusCode?: number };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new MqttFailure(400, MQTT_CODES.malformed, 'the address can not be read');
  return undefined;
}

/** The same for an answer: what nobody expected is told to the log, and to nobody else. */
export function toFailure(error: unknown, log: Log, request: IncomingMessage): MqttFailure {
  const failure = failureOf(error);
  if (failure) return failure;
  const { requestId } = factsOf(request);
  log[hasLeft(request) ? 'info' : 'error']({ err: error, requestId }, 'unexpected');
  if (error instanceof StoreUnavailable)
    return new MqttFailure(503, MQTT_CODES.unavailable, `${error.message}: ${error.error_description}`, {
      'Retry-After': String(error.retryAfter),
    });
  return new MqttFailure(500, MQTT_CODES.failed, 'something went wrong here');
}
