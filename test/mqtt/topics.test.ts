import assert from 'node:assert/strict';
import fc from 'fast-check';
import { askedFor, checkFilter, covers, filledIn, levelsOf, overlaps } from '../../src/mqtt/topics.js';

const allows = (rule: string, asked: string): boolean => covers(levelsOf(rule), levelsOf(asked));
const meets = (rule: string, asked: string): boolean => overlaps(levelsOf(rule), levelsOf(asked));

describe('topic filters', () => {
  const COVERED: [rule: string, asked: string, covered: boolean][] = [
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/b', 'A/b', false],
    ['a/b', 'a/b/', false],
    ['a/b', '/a/b', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'a/+/#', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a/+', true],
    ['a/b', 'a/+', false],
    ['+/b', 'a/b', true],
    ['#', 'a/b', true],
    ['#', '/', true],
    ['#', '$SYS/uptime', false],
    ['+/uptime', '$SYS/uptime', false],
    ['$SYS/#', '$SYS/uptime', true],
    ['$SYS/#', '#', false],
  ];
  for (const [rule, asked, covered] of COVERED)
    it(`${rule} ${covered ? 'covers' : 'does not cover'} ${asked}`, () =>
      assert.equal(allows(rule, asked), covered));

  const MEETING: [one: string, other: string, meet: boolean][] = [
    ['secret/#', '#', true],
    ['secret/#', '+/x', true],
    ['secret/#', 'secret', true],
    ['secret/x', 'public/#', false],
    ['a/+/c', 'a/b/+', true],
    ['a/b', 'a/b/c', false],
    ['$SYS/#', '#', false],
    ['$SYS/#', '+/uptime', false],
    ['$SYS/#', '$SYS/#', true],
  ];
  for (const [one, other, meet] of MEETING)
    it(`${one} and ${other} ${meet ? 'meet' : 'have no topic in common'}`, () =>
      assert.deepEqual([meets(one, other), meets(other, one)], [meet, meet]));

  const level = fc.constantFrom('a', 'b', '');
  const topic = fc.array(level, { minLength: 1, maxLength: 4 });
  const filter = fc
    .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.constantFrom('#', '+', 'a'))
    .map(([head, last]) => [...head, last]);

  it('one that covers another fits every topic that the other fits', () =>
    fc.assert(
      fc.property(filter, filter, topic, (rule, asked, name) => {
        fc.pre(covers(rule, asked) && covers(asked, name));
        assert.ok(covers(rule, name));
      }),
    ));

  it('two that fit one topic meet', () =>
    fc.assert(
      fc.property(filter, filter, topic, (one, other, name) => {
        fc.pre(covers(one, name) && covers(other, name));
        assert.ok(overlaps(one, other));
      }),
    ));

  for (const wrong of ['a+/b', 'a/#/b', 'a#', '#/a', 'a/b+', '', 'a\u0000b', 7, undefined])
    it(`${JSON.stringify(wrong)} is none`, () =>
      assert.throws(() => checkFilter('topic', wrong), { key: 'topic' }));

  for (const right of ['+', '#', '+/#', 'a/+/b', '/', ' ', '设备/#'])
    it(`${JSON.stringify(right)} is one`, () => assert.equal(checkFilter('topic', right), right));
});

describe('what a client asks for', () => {
  it('has no wildcards where it publishes', () => {
    assert.equal(askedFor('pub', 'a/+'), undefined);
    assert.equal(askedFor('pub', 'a/#'), undefined);
    assert.equal(askedFor('pub', ''), undefined);
    assert.deepEqual(askedFor('pub', 'a/b'), ['a', 'b']);
  });

  it('is what is shared, where it subscribes together with others', () => {
    assert.deepEqual(askedFor('sub', '$share/group/a/+'), ['a', '+']);
    assert.deepEqual(askedFor('sub', '$queue/a/#'), ['a', '#']);
    assert.equal(askedFor('sub', 'a+/b'), undefined);
  });
});

describe('placeholders', () => {
  const names = { username: 'u', clientid: 'c' };

  it('stand for a whole level, in EMQX 4’s words and in EMQX 5’s', () => {
    assert.deepEqual(filledIn(['%u', '%c', '${username}', '${clientid}', 'x%c'], names), [
      'u',
      'c',
      'u',
      'c',
      'x%c',
    ]);
  });

  for (const bad of ['', '+', '#', 'a/b', 'a+', '$SYS'])
    it(`take no name such as ${JSON.stringify(bad)}`, () =>
      assert.equal(filledIn(['a', '%c'], { ...names, clientid: bad }), undefined));
});
