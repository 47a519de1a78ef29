import assert from 'node:assert/strict';
import { Command } from 'commander';
import { namesIn, withNames } from '../../src/cli/option-names.js';

describe('what a command calls a field of the API', () => {
  const command = new Command('preview')
    .argument('<document>')
    .option('--generator <name>')
    .option('--option <name=value>')
    .option('--redirect-uri <uri...>');
  const nameOf = namesIn(command);

  for (const [field, name] of [
    ['genName', '--generator'],
    ['options/dates', '--option dates'],
    ['redirectUris/0', '--redirect-uri'],
    ['swaggerUrl', 'document'],
    ['document', 'document'],
    ['registry', 'registry'],
    ['constructor', 'constructor'],
  ] as const)
    it(`is ${name} for ${field}`, () => assert.equal(nameOf(field), name));

  it('is the field itself where no command ran', () =>
    assert.equal(namesIn(undefined)('genName'), 'genName'));

  it('stands at the beginning of each part of a message, and nowhere else', () => {
    const message = 'genName: there is no genName: x; options/a, line 2: b; swaggerUrl stays';
    assert.equal(
      withNames(message, ['genName', 'options/a', 'swaggerUrl'], nameOf),
      '--generator: there is no genName: x; --option a, line 2: b; swaggerUrl stays',
    );
  });
});
