export { every, type Repeated } from './every.js';
export { openOutbox, queueMessage, waitAfter, type Deliver, type Message, type Outbox } from './outbox.js';
export { BATCH, openSweeper, type Sweeper } from './sweeper.js';
