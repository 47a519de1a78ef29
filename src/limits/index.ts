export { CountWindow, type CountName } from './count-window.js';
export { openLimits, rateHeaders, type Area, type Limits, type RateWindow, type Refusal } from './limiter.js';
