import { errors } from '../library/index.js';
import { GRANT_TYPES } from '../../clients/index.js';
import type { People } from '../../users/index.js';
import { mailTarget, phoneTarget } from '../../verification/index.js';
import type { Way } from './direct.js';

/**
 * Signing in with a code at a native application, which has asked for it at the management API (`SmsCode` or `EmailCode`
 * with the purpose `login`). The code has its own limits: five tries, once, a few minutes.
 */
export const byMobileCode = (
  people: People,
  tenantId: string,
): Way<{ phone_number?: string; email?: string; code?: string }> => ({
  grantType: GRANT_TYPES.mobileCode,
  name: 'mobile_code',
  amr: ['otp'],
  params: ['phone_number', 'email', 'code'],
  async recognise({ phone_number: phoneNumber, email, code }, address) {
    if (!code) throw new errors.InvalidRequest("missing required parameter(s) 'code'");
    if (!phoneNumber === !email) throw new errors.InvalidRequest("give one of 'phone_number' and 'email'");
    const target = phoneNumber ? phoneTarget(phoneNumber) : mailTarget(email ?? '');
    return people.signInByCode(tenantId, { target, code }, address);
  },
});
