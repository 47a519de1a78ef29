import { defineCodes } from '../api/index.js';

export const USER_CODES = defineCodes(100001, {
  phoneNumberExists: ['Register_PhoneNumberExists', 'Another user has this phone number', '手机号已存在'],
  phoneNumberCodeError: [
    'PhoneNumberVerifyCodeError',
    'The code for the phone is not valid',
    '手机验证码错误',
  ],
  emailExists: ['Register_EmailExists', 'Another user has this e-mail address', '邮箱已存在'],
  emailCodeError: ['Register_EmailVerifyCodeError', 'The code for the e-mail is not valid', '邮箱验证码错误'],
  phoneCallLimited: [
    'VerifyPhone_CallLimited',
    'No more codes for this number today',
    '今日手机验证码次数已用完',
  ],
  phoneTooMany: ['VerifyPhone_TooManyRequests', 'A code was sent a moment ago', '手机验证码请求过于频繁'],
  emailCallLimited: [
    'VerifyEmail_CallLimited',
    'No more codes for this address today',
    '今日邮箱验证码次数已用完',
  ],
  emailTooMany: ['VerifyEmail_TooManyRequests', 'A code was sent a moment ago', '邮箱验证码请求过于频繁'],
  createFailed: ['Post_CreateUserFail', 'The user could not be made', '创建用户失败'],
  userNameExists: ['User_UserNameExists', 'Another user has this user name', '用户名已存在'],
  userKeyExists: ['User_UserKeyExists', 'Another user has, or had, this key', '用户标识已存在'],
});
