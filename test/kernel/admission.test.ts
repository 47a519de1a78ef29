import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { openAdmission, placeFor, type Overload, type Place } from '../../src/kernel/admission.js';

/** A request with a body, whole or on its way. */
function placeOf(complete: boolean): Place {
  const request = new IncomingMessage(new Socket());
  request.headers['content-length'] = '10';
  request.complete = complete;
  return placeFor(request);
}

describe('the places of requests', () => {
  for (const [body, complete] of [
    ['a whole body', true],
    ['a body on its way', false],
  ] as const)
    it(`are not taken by one with ${body} that ends before it is decided`, async () => {
      const admission = openAdmission({ maxInFlight: 2, maxBodiesPerAddress: 2 });
      for (let n = 0; n < 3; n += 1) {
        const place = placeOf(complete);
        admission.enter(place, '203.0.113.9', () => assert.fail('it has ended'));
        admission.leave(place);
      }
      const decided = await new Promise<Overload | undefined>((resolve) =>
        admission.enter(placeOf(complete), '203.0.113.9', resolve),
      );
      assert.equal(decided, undefined);
    });
});
