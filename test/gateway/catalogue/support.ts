import assert from 'node:assert/strict';
import type { Data } from '../../support/area.js';
import type { ApiAnswer } from '../../support/management.js';

export const SERVICE = 'https://orders.example.com/base';

/** A document whose operations are `GET` of these paths, all of them open. */
export const pathsOf = (...paths: string[]): Record<string, unknown> => ({
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  paths: Object.fromEntries(
    paths.map((path) => [path, { get: { security: [], responses: { 200: { description: 'Yes' } } } }]),
  ),
});

/** The data of an answer that has to be good. */
export async function done(answer: Promise<ApiAnswer>): Promise<Data> {
  const { status, body, data } = await answer;
  assert.equal(status, 200, JSON.stringify(body));
  return data;
}

/** Status, code, and field and rule of the first problem. */
export const refusalOf = ({ status, body }: ApiAnswer): unknown[] => {
  const [problem] = (body['data'] ?? []) as Data[];
  return [status, body['code'], problem?.['field'], problem?.['rule']];
};
