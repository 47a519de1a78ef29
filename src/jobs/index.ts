export { BATCH, openSweeper, type Sweeper } from './sweeper.js';
