import assert from 'node:assert/strict';
import { countChanges, FreshAnswers } from '../../../src/gateway/access/fresh-answers.js';

describe('an answer of the store that is used again', () => {
  let time = 0;
  let heard = false;
  let asked = 0;
  const open = (most = 10): FreshAnswers<string> =>
    new FreshAnswers(most, countChanges({ heard: () => [heard, (heard = false)][0] as boolean }), () => time);
  const ask = async (): Promise<string> => `answer ${(asked += 1)}`;
  beforeEach(() => {
    [time, heard, asked] = [0, false, 0];
  });

  it('is there at once for 250 ms, and asked for again then', async () => {
    const answers = open();
    assert.equal(await answers.get('a', ask), 'answer 1');
    time = 249;
    assert.equal(answers.get('a', ask), 'answer 1');
    time = 250;
    assert.equal(await answers.get('a', ask), 'answer 2');
  });

  it('ends when the store says that something has changed', async () => {
    const answers = open();
    await answers.get('a', ask);
    heard = true;
    assert.equal(await answers.get('a', ask), 'answer 2');
  });

  it('is not used where the store changed while it was asked for', async () => {
    const answers = open();
    const first = answers.get('a', ask);
    heard = true;
    assert.equal(await answers.get('a', ask), 'answer 2');
    await first;
    assert.equal(await answers.get('a', ask), 'answer 2');
  });

  it('is asked for once by all who ask at once, and by each after a failure', async () => {
    const answers = open();
    const found = await Promise.all([answers.get('a', ask), answers.get('a', ask)]);
    assert.deepEqual(found, ['answer 1', 'answer 1']);
    await assert.rejects(async () => answers.get('b', () => Promise.reject(new Error('away'))));
    assert.equal(await answers.get('b', ask), 'answer 2');
  });

  it('stays where a thousand others find nothing', async () => {
    const answers = open(2);
    await answers.get('a', ask);
    for (let n = 0; n < 2000; n++) await answers.get(`none ${n}`, async () => undefined);
    assert.equal(answers.get('a', ask), 'answer 1');
  });
});
