export { every, type Repeated } from './every.js';
export { BATCH, openSweeper, type Sweeper } from './sweeper.js';
