export {
  endCodes,
  lifetimeOf,
  NoCodeNow,
  openCodes,
  type Codes,
  type Purpose,
  type Shown,
  type Verdict,
} from './codes.js';
export {
  checkEmail,
  mailTarget,
  masked,
  NoCountryCode,
  phoneDigits,
  phoneTarget,
  readCode,
  readPhone,
  typedTarget,
  type Channel,
  type Phone,
  type Target,
} from './target.js';
export { passChallenge } from './challenge.js';
export { secondsUntilFree } from './quota.js';
