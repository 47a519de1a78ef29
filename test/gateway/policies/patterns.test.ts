import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compilePattern, PatternError } from '../../../src/gateway/policies/patterns/index.js';
import { often, SEED } from '../../support/profile.js';

/** Counts what a pattern costs. */
function counting(most = Infinity): { spend(steps: number): void; spent: number } {
  return {
    spent: 0,
    spend(steps) {
      this.spent += steps;
      if (this.spent > most) throw new Error('too much');
    },
  };
}

const test = (pattern: string, text: string): boolean => compilePattern(pattern, counting()).test(text);

const MATCHES: [pattern: string, text: string, matches: boolean][] = [
  ['^[a-z]+$', 'abc', true],
  ['^[a-z]+$', 'abC', false],
  ['b', 'abc', true],
  ['^(a|ab)(c|bcd)(d*)$', 'abcd', true],
  ['^(?:a+)+$', 'aaaa', true],
  ['^(?:a+)+$', 'aaab', false],
  ['^\\d{3}-\\d{4}$', '555-1234', true],
  ['^\\d{3}-\\d{4}$', '5555-1234', false],
  ['^a{2,}$', 'a', false],
  ['^a{2,3}$', 'aaa', true],
  ['^a{0}$', '', true],
  ['^.$', '😀', true],
  ['^..$', '😀', false],
  ['^\\u{1F600}$', '😀', true],
  ['^\\ud83d\\ude00$', '😀', true],
  ['^[\\w-\\.]+$', 'a-b.c', true],
  ['^\\-$', '-', true],
  ['^x{,3}$', 'x{,3}', true],
  ['^[^]]$', 'a]', true],
  ['^\\p{Lu}', 'Éa', true],
  ['^\\p{Lu}', 'éa', false],
  ['^(?=.*\\d)(?=.*[a-z]).{4,}$', 'abc1', true],
  ['^(?=.*\\d)(?=.*[a-z]).{4,}$', 'abcd', false],
  ['^(?!admin$).+$', 'admin', false],
  ['^(?!admin$).+$', 'admins', true],
  ['(?<=\\$)\\d+', 'cost $42', true],
  ['(?<=\\$)\\d+', 'cost 42', false],
  ['(?<!a)b', 'ab', false],
  ['(?<!a)b', 'bb', true],
  ['^(?=a(?!b))', 'ab', false],
  ['^(?=a(?!b))', 'ac', true],
  ['\\bcat\\b', 'a cat.', true],
  ['\\bcat\\b', 'concat', false],
  ['\\Bcat', 'concat', true],
  ['^(?<year>\\d{4})$', '2026', true],
  ['^(?:)$', '', true],
  ['', 'x', true],
  ['a|', 'b', true],
  ['^foo|bar$', 'xbar', true],
  ['^foo|bar$', 'xbarx', false],
];

/** Texts on which an engine that tries one way after another takes years. */
const SLOW: [pattern: string, text: string][] = [
  ['^(a+)+$', `${'a'.repeat(5000)}!`],
  ['^(a|a)*$', `${'a'.repeat(5000)}!`],
  ['^(a*)*$', `${'a'.repeat(5000)}!`],
  ['(x+x+)+y', 'x'.repeat(5000)],
  ['^(?=(a+)+$)a', `${'a'.repeat(5000)}!`],
  [
    '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$',
    'a'.repeat(5000),
  ],
  ['\\s+$', `${' '.repeat(5000)}x`],
  ['^(?:.|\\s)*$', `${'a'.repeat(5000)}\u2028`.repeat(1)],
];

describe('patterns of documents', () => {
  for (const [pattern, text, matches] of MATCHES)
    it(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () =>
      assert.equal(test(pattern, text), matches));

  for (const [pattern, text] of SLOW)
    it(`costs steps in proportion to the text: ${pattern}`, () => {
      const budget = counting();
      compilePattern(pattern, budget).test(text);
      assert.ok(budget.spent < text.length * 200, `${budget.spent} steps`);
    });

  it('stops where the budget of a request is spent [SEC-G21]', () => {
    assert.throws(() => compilePattern('^(a+)+$', counting(1000)).test('a'.repeat(5000)), /too much/);
  });

  it('leaves deterministic patterns to the engine of the platform', () => {
    for (const pattern of ['^[a-z]{1,63}(?:\\.[a-z]{1,63}){0,9}$', '^\\d+$', '^(?:GET|POST)$', '^a*b*$'])
      assert.ok(compilePattern(pattern, counting()) instanceof RegExp, pattern);
  });

  it('gives no pattern with a choice to the engine of the platform', () => {
    const choices = [
      'a+',
      '^(a+)+$',
      '^a*a*$',
      '^(?:a|ab)$',
      '^(a*)*$',
      '^a?a?a?$',
      '^.*x.*$',
      '^(?=a)b$',
      '^a|b$',
    ];
    for (const pattern of [...choices, '^[^a]*\\s$', '^[é-ü]*[à-ê]$', '^(?:a?){9}$'])
      assert.ok(!(compilePattern(pattern, counting()) instanceof RegExp), pattern);
  });

  const REFUSED = [
    '^(a)\\1$',
    '(?<n>a)\\k<n>',
    '(',
    'a{9999}',
    '(?:a{50}){99}',
    'a'.repeat(2001),
    '('.repeat(60) + ')'.repeat(60),
  ];
  for (const pattern of REFUSED)
    it(`refuses ${pattern.slice(0, 20)}`, () =>
      assert.throws(() => compilePattern(pattern, counting()), PatternError));

  const leaf = fc.constantFrom(
    'a',
    'b',
    '[ab]',
    '[^a]',
    '\\w',
    '.',
    '^',
    '$',
    '\\b',
    '(?=a)',
    '(?!b)',
    '(?<=a)',
    '(?<!b)',
  );
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.tuple(tie('tree'), tie('tree')).map(([one, other]) => `${one}${other}`),
      fc.tuple(tie('tree'), tie('tree')).map(([one, other]) => `(?:${one}|${other})`),
      fc
        .tuple(tie('tree'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '*?'))
        .map(([one, how]) => `(?:${one})${how}`),
      tie('tree').map((one) => `(?=${one})`),
      tie('tree').map((one) => `(?<!${one})`),
    ),
  }));

  it('match as the engine of the platform does', () => {
    const texts = fc
      .array(fc.constantFrom('a', 'b', ' ', 'é'), { maxLength: 6 })
      .map((letters) => letters.join(''));
    fc.assert(
      fc.property(tree, texts, (pattern, text) => {
        assert.equal(
          test(pattern, text),
          new RegExp(pattern, 'u').test(text),
          `${pattern} on ${JSON.stringify(text)}`,
        );
      }),
      { seed: SEED, numRuns: often({ short: 3000, long: 50_000 }) },
    );
  });
});
