import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { MasterKey, SealBroken, Vault } from '../../src/store/index.js';

/** A vault with one data key that goes by this name. */
function vaultWith(byte: number, name: string): Vault {
  const vault = new Vault(Buffer.alloc(32, byte));
  vault.learn(name, Buffer.alloc(32, byte));
  vault.sealWith(name);
  return vault;
}

describe('the vault', () => {
  const vault = vaultWith(1, 'data-1');
  const other = vaultWith(2, 'data-2');

  it('opens what it sealed, for the same row', () => {
    assert.equal(vault.open(vault.seal('secret', 'table:tenant:1'), 'table:tenant:1'), 'secret');
  });

  it('never seals the same text to the same bytes', () => {
    assert.notEqual(vault.seal('secret', 'row'), vault.seal('secret', 'row'));
  });

  it('does not open what was moved to another row', () => {
    assert.throws(() => vault.open(vault.seal('secret', 'row 1'), 'row 2'), SealBroken);
  });

  it('does not open what another data key sealed, and says which key it was', () => {
    assert.throws(() => vault.open(other.seal('secret', 'row'), 'row'), /data-2/);
  });

  it('notices a changed byte', () => {
    const sealed = vault.seal('secret', 'row');
    const at = sealed.length - 3;
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    assert.throws(() => vault.open(changed, 'row'), SealBroken);
  });

  it('hashes with HMAC-SHA-256 under a key of the purpose', () => {
    const key = Buffer.from(hkdfSync('sha256', Buffer.alloc(32, 1), 'gatehouse', 'hash:a', 32));
    for (const value of ['', 'x', 'é'.repeat(100)])
      assert.equal(vault.hash('a', value), createHmac('sha256', key).update(value).digest('base64url'));
  });

  it('hashes by purpose and by key', () => {
    const hashes = [vault.hash('a', 'x'), vault.hash('b', 'x'), other.hash('a', 'x'), vault.hash('a', 'y')];
    assert.equal(new Set(hashes).size, 4);
    assert.equal(vault.hash('a', 'x'), hashes[0]);
  });

  it('opens what an earlier key sealed, and seals with the newer one', () => {
    const grown = vaultWith(1, 'data-1');
    const sealed = grown.seal('secret', 'row');
    grown.learn('data-2', Buffer.alloc(32, 9));
    grown.sealWith('data-2');
    assert.equal(grown.open(sealed, 'row'), 'secret');
    assert.match(grown.seal('secret', 'row'), /^v1\.data-2\./);
  });
});

describe('the master key', () => {
  const [mine, theirs] = [new MasterKey(Buffer.alloc(32, 1)), new MasterKey(Buffer.alloc(32, 2))];
  const key = Buffer.alloc(32, 3);

  it('wraps and unwraps a key of the store, in its place only', () => {
    const wrapped = mine.wrap(key, 'row');
    assert.deepEqual(mine.unwrap(wrapped, 'row'), key);
    assert.throws(() => mine.unwrap(wrapped, 'another row'), SealBroken);
  });

  it('does not unwrap what another one wrapped, and says which one it was', () => {
    assert.throws(() => mine.unwrap(theirs.wrap(key, 'row'), 'row'), new RegExp(theirs.id));
  });

  it('has to be 32 bytes', () => {
    assert.throws(() => new MasterKey(Buffer.alloc(16)), RangeError);
  });
});
