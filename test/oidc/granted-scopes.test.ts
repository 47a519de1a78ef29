import assert from 'node:assert/strict';
import type { Catalogue } from '../../src/oidc/catalogue.js';
import { grantToWrite, stillGranted } from '../../src/oidc/grants/taken-scopes.js';

/** A catalogue of a generation, with these scopes, of which some had a name that another had until a generation. */
const catalogueOf = (
  generation: number,
  scopes: string[],
  revoked: Record<string, number> = {},
  revokedApis: Record<string, number> = {},
): Catalogue => ({
  generation,
  revokedAt: (scope) => revoked[scope] ?? 0,
  isForAnotherApi: () => false,
  content: () => '',
  apiRevokedAt: (indicator) => revokedApis[indicator] ?? 0,
  identity: new Map(),
  apis: [],
  apiByIndicator: new Map([['urn:resource:notes', { name: 'an API' } as never]]),
  apiByAudience: new Map(),
  apiOf: (scope) => (scopes.includes(scope) ? ({ name: 'an API' } as never) : undefined),
});

const grant = (scope: string) => ({ resources: { 'urn:resource:notes': scope } });

describe('the scopes of a grant', () => {
  it('count while no scope of their name has gone since', () => {
    const catalogue = catalogueOf(9, ['read', 'write'], { write: 5 });
    assert.deepEqual(stillGranted(grant('read write'), catalogue, 5), grant('read write'));
    assert.deepEqual(stillGranted(grant('read write'), catalogue, 4), grant('read'));
    assert.deepEqual(stillGranted(grant('write'), catalogue, 4), { resources: {} });
  });

  it('are as old as the page that showed them, and no newer than what the node knows [SEC-R4]', () => {
    const node = catalogueOf(7, ['read']);
    assert.equal(grantToWrite(grant('read'), node, undefined, 3).generation, 3);
    assert.equal(grantToWrite(grant('read'), node, undefined, 8).generation, 7);
    assert.equal(grantToWrite(grant('read'), node, undefined).generation, 7);
  });

  it('stay as old as they were when others are added', () => {
    const node = catalogueOf(7, ['read', 'write']);
    const had = grant('read write gone');
    assert.deepEqual(grantToWrite(had, node, 2, 6), { grant: had, generation: 2 });
    assert.equal(grantToWrite(grant('read'), catalogueOf(1, ['read']), 2).generation, 1);
  });

  it('get the generation of a scope whose name another had, without what is not there now [SEC-R4]', () => {
    const node = catalogueOf(9, ['read', 'write'], { write: 5 });
    assert.deepEqual(grantToWrite(grant('read write gone'), node, 2, 8), {
      grant: grant('read write'),
      generation: 8,
    });
  });

  it('count while the API that they were allowed at has not gone since [SEC-R4]', () => {
    const node = catalogueOf(9, ['read'], {}, { 'urn:resource:notes': 5 });
    assert.deepEqual(stillGranted(grant('openid'), node, 5), grant('openid'));
    assert.deepEqual(stillGranted(grant('openid'), node, 4), { resources: {} });
  });

  it('get the generation of an API whose indicator another had, without APIs that are not there now [SEC-R4]', () => {
    const node = catalogueOf(9, ['read'], {}, { 'urn:resource:notes': 5 });
    const had = { resources: { 'urn:resource:notes': 'read', 'urn:resource:gone': 'read' } };
    assert.deepEqual(grantToWrite(had, node, 2, 8), { grant: grant('read'), generation: 8 });
  });
});
