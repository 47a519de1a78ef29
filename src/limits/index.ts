export { openLimits, rateHeaders, type Area, type Limits, type Refusal } from './limiter.js';
