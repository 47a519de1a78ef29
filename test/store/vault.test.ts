import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { SealBroken, Vault } from '../../src/store/index.js';

describe('the vault', () => {
  const vault = new Vault(Buffer.alloc(32, 1));
  const other = new Vault(Buffer.alloc(32, 2));

  it('opens what it sealed, for the same row', () => {
    assert.equal(vault.open(vault.seal('secret', 'table:tenant:1'), 'table:tenant:1'), 'secret');
  });

  it('never seals the same text to the same bytes', () => {
    assert.notEqual(vault.seal('secret', 'row'), vault.seal('secret', 'row'));
  });

  it('does not open what was moved to another row', () => {
    assert.throws(() => vault.open(vault.seal('secret', 'row 1'), 'row 2'), SealBroken);
  });

  it('does not open what another master key sealed, and says which key it was', () => {
    assert.throws(() => vault.open(other.seal('secret', 'row'), 'row'), new RegExp(other.keyId));
  });

  it('notices a changed byte', () => {
    const sealed = vault.seal('secret', 'row');
    const at = sealed.length - 3;
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    assert.throws(() => vault.open(changed, 'row'), SealBroken);
  });

  it('hashes with HMAC-SHA-256 under a key of the purpose', () => {
    const key = vault.derive('hash:a');
    for (const value of ['', 'x', 'é'.repeat(100)])
      assert.equal(vault.hash('a', value), createHmac('sha256', key).update(value).digest('base64url'));
  });

  it('hashes by purpose and by key', () => {
    const hashes = [vault.hash('a', 'x'), vault.hash('b', 'x'), other.hash('a', 'x'), vault.hash('a', 'y')];
    assert.equal(new Set(hashes).size, 4);
    assert.equal(vault.hash('a', 'x'), hashes[0]);
  });
});
