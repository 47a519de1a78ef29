export { CountWindow, type CountName } from './count-window.js';
export {
  openLimits,
  RATE_FIELDS,
  rateFields,
  rateHeaders,
  type Area,
  type Limits,
  type RateState,
  type RateWindow,
  type Refusal,
} from './limiter.js';
