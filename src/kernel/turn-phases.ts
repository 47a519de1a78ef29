import { outsideRequests } from './outside-requests.js';

type Work = () => void;

const afterReading: Work[] = [];
const atEnd: Work[] = [];
let begun = false;

/** One that throws takes no other with it, and is thrown when all are done. */
function doAll(works: readonly Work[]): void {
  const errors: unknown[] = [];
  for (const work of works)
    try {
      work();
    } catch (error) {
      errors.push(error);
    }
  if (errors.length > 0) throw errors[0];
}

/**
 * Two phases at the end of a turn of the event loop, one right after the other. Node does what ticks and promises wait for
 * between them, so what the first phase leads to can be had in the second. From a `setImmediate` within another it would come
 * in the next turn, and the requests of one turn would be split into two halves, with the costs of a turn for each.
 */
function begin(): void {
  if (begun) return;
  begun = true;
  outsideRequests(() => {
    setImmediate(() => doAll(afterReading.splice(0)));
    setImmediate(end);
  });
}

function end(): void {
  begun = false;
  if (afterReading.length > 0) begin(); // asked for after the first phase
  doAll(atEnd.splice(0));
}

/** Does work when what has come on all connections in this turn is read and parsed, bodies included. */
export function whenRead(work: Work): void {
  afterReading.push(work);
  begin();
}

/** Does work when the requests of this turn have asked for all that they can ask for, so that it can be done at once for all. */
export function atEndOfTurn(work: Work): void {
  atEnd.push(work);
  begin();
}
