import {
  areaAt,
  BASIC,
  defineOperation,
  Failure,
  shapes,
  type AnyOperation,
  type Code,
} from '../api/index.js';
import type { Config } from '../config.js';
import { Invalid } from '../kernel/errors.js';
import type { Messenger } from '../messaging/index.js';
import {
  lifetimeOf,
  mailTarget,
  masked,
  NoCodeNow,
  passChallenge,
  phoneTarget,
  type Channel,
  type Target,
} from '../verification/index.js';
import type { CodeSender } from './code-messages.js';
import { USER_CODES as CODES } from './codes.js';
import { addNewcomer, admitNewcomer, WrongCode, type PeopleBase } from './register.js';
import { admitReset, resetPassword } from './reset-password.js';
import type { UserFile } from './schema.js';
import { fields, password } from './shapes.js';

const at = areaAt('user', '/api/User');
const { line } = shapes;

export interface RegistrationBase extends PeopleBase {
  sender: CodeSender;
  messenger: Messenger;
  config: Config;
}

const open = <const V extends string, const P extends `/${string}`>(verb: V, path: P) =>
  ({
    ...at.own(verb, 'POST', path),
    access: { kind: 'open' },
    authority: { untouched: 'no caller has any here; people prove by codes what is theirs' },
  }) as const;

const countryCode = { ...fields.countryCode, type: 'string' } as const;
const phoneNumber = { ...fields.phoneNumber, type: 'string' } as const;
const email = { ...line(254), minLength: 3 } as const;
const code = { ...line(50), description: 'Spaces and full-width digits do no harm.' } as const;
const uris = fields.files.items.properties.urls;
const uri = uris.items;

/** Whose a number or an address is, shown by the code that went there, and a new password. */
const PROOFS = {
  countryCode,
  phoneNumber,
  phoneNumberVerifyCode: code,
  email,
  emailVerifyCode: code,
  password,
} as const;

const PURPOSE = {
  type: 'string',
  enum: ['register', 'reset', 'login'],
  description:
    'What the code is good for. Where it says nothing, for registering (where people may) or, where the account is there, for a new password.',
} as const;
type AskedPurpose = (typeof PURPOSE)['enum'][number];
const challenge = {
  ...line(4000),
  description: 'The token of a solved challenge, where the configuration asks for one.',
} as const;

const SENT = {
  title: 'CodeSent',
  type: 'object',
  additionalProperties: false,
  required: ['expiresIn', 'retryAfter'],
  properties: {
    expiresIn: { type: 'integer', description: 'Seconds for which the code is good.' },
    retryAfter: { type: 'integer', description: 'Seconds until another may be asked for.' },
  },
} as const;

const REGISTERED = {
  title: 'Registered',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'userKey', 'userName'],
  properties: {
    id: shapes.id,
    userKey: { type: 'string', description: 'The `sub` of tokens.' },
    userName: { type: 'string' },
  },
} as const;

const LIMITED: Record<Channel, { spacing: Code; other: Code; wrong: Code }> = {
  sms: { spacing: CODES.phoneTooMany, other: CODES.phoneCallLimited, wrong: CODES.phoneNumberCodeError },
  mail: { spacing: CODES.emailTooMany, other: CODES.emailCallLimited, wrong: CODES.emailCodeError },
};

/** What this room's errors about codes are answered as. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoCodeNow)
      throw new Failure(429, LIMITED[error.channel][error.limit === 'spacing' ? 'spacing' : 'other'], {
        message: error.message,
        headers: { 'Retry-After': String(error.retryAfter) },
      });
    if (error instanceof WrongCode)
      throw new Failure(422, LIMITED[error.channel].wrong, {
        message: error.message,
        data: [{ field: error.key, rule: 'code', message: error.message }],
      });
    throw error;
  }
}

/** @throws Failure where only administrators make accounts */
function checkOpen({ registrationOpen }: { registrationOpen: boolean }): void {
  if (registrationOpen) return;
  const message = 'registration is closed here; ask an administrator for an account';
  throw new Failure(403, BASIC.forbidden, { message });
}

/** Where a new password's code went. @throws Invalid */
function resetTarget(body: {
  countryCode?: string;
  phoneNumber?: string;
  phoneNumberVerifyCode?: string;
  email?: string;
  emailVerifyCode?: string;
}): { target: Target; code: string } {
  if ((body.phoneNumber === undefined) === (body.email === undefined))
    throw new Invalid('phoneNumber', 'give one of phoneNumber and email');
  const byPhone = body.phoneNumber !== undefined;
  const given = byPhone ? body.phoneNumberVerifyCode : body.emailVerifyCode;
  if (given === undefined)
    throw new Invalid(byPhone ? 'phoneNumberVerifyCode' : 'emailVerifyCode', 'is missing');
  const target = byPhone
    ? phoneTarget(body.phoneNumber ?? '', body.countryCode)
    : mailTarget(body.email ?? '');
  return { target, code: given };
}

const filesOf = (images: readonly string[] = [], video?: string, doc?: string): UserFile[] =>
  (
    [
      ['image', images],
      ['video', video === undefined ? [] : [video]],
      ['doc', doc === undefined ? [] : [doc]],
    ] as const
  )
    .filter(([, urls]) => urls.length > 0)
    .map(([type, urls]) => ({ type, urls: [...urls] }));

export function registrationOperations(base: RegistrationBase): readonly AnyOperation[] {
  const { sender, messenger, config } = base;

  /** Whether a code may be asked for and could arrive. @throws Failure, Invalid */
  async function reachable(
    call: {
      tenant: { id: string; registrationOpen: boolean };
      address: string;
      body: { challenge?: string; purpose?: AskedPurpose };
    },
    target: Target,
  ): Promise<Target> {
    if (call.body.purpose === 'register') checkOpen(call.tenant);
    if (!(await messenger.driverOf(call.tenant.id, target.channel)))
      throw new Failure(503, BASIC.unavailable, {
        message: `no ${target.channel === 'sms' ? 'SMS' : 'mail'} driver is set; see /api/Messaging`,
      });
    await passChallenge(config.codes, call.body.challenge, call.address);
    return target;
  }

  const send = (
    call: Pick<Parameters<CodeSender['request']>[1], 'address'> & {
      tenant: { registrationOpen: boolean };
      db: Parameters<CodeSender['request']>[0];
      language: 'en' | 'zh-CN';
      body: { purpose?: AskedPurpose };
    },
    target: Target,
  ) =>
    answered(async () => {
      const { db, tenant, address, language, body } = call;
      const { purpose = tenant.registrationOpen ? 'register_or_reset' : 'reset' } = body;
      await sender.request(db, { target, purpose, address, locale: language });
      return { expiresIn: lifetimeOf(config.codes, target), retryAfter: config.codes.spacing };
    });

  return [
    defineOperation({
      ...open('verifyphone', '/SmsCode'),
      summary: 'Send a code to a telephone',
      example: { countryCode: '86', phoneNumber: '13800138000' },
      schemas: {
        body: {
          title: 'SmsCode',
          type: 'object',
          additionalProperties: false,
          required: ['phoneNumber'],
          properties: { countryCode, phoneNumber, purpose: PURPOSE, challenge },
        },
        answer: SENT,
      },
      prepare: (call) => reachable(call, phoneTarget(call.body.phoneNumber, call.body.countryCode)),
      target: ({ body }) => masked(phoneTarget(body.phoneNumber, body.countryCode)),
      handle: send,
    }),
    defineOperation({
      ...open('verifyemail', '/EmailCode'),
      summary: 'Send a code to an e-mail address',
      example: { email: 'carla@example.com' },
      schemas: {
        body: {
          title: 'EmailCode',
          type: 'object',
          additionalProperties: false,
          required: ['email'],
          properties: { email, purpose: PURPOSE, challenge },
        },
        answer: SENT,
      },
      prepare: (call) => reachable(call, mailTarget(call.body.email)),
      target: ({ body }) => masked(mailTarget(body.email)),
      handle: send,
    }),
    defineOperation({
      ...open('register', '/Register'),
      summary: 'Register, with the code that was sent to the telephone',
      example: {
        countryCode: '86',
        phoneNumber: '13800138000',
        phoneNumberVerifyCode: '123456',
        password: 'a good long password',
        nickName: 'Carla',
      },
      conflicts: { phoneNumber: CODES.phoneNumberExists, email: CODES.emailExists },
      schemas: {
        body: {
          title: 'Register',
          type: 'object',
          additionalProperties: false,
          required: ['phoneNumber', 'phoneNumberVerifyCode', 'password'],
          properties: {
            ...PROOFS,
            nickName: fields.nickName,
            gender: fields.gender,
            address: fields.address,
            birthday: fields.birthdate,
            stature: fields.stature,
            weight: fields.weight,
            description: fields.description,
            imageUrl: { ...uris, description: 'The first is the avatar.' },
            video: uri,
            doc: uri,
            refereeId: fields.refereeId,
          },
        },
        answer: REGISTERED,
      },
      prepare: ({ tenant, body }) =>
        answered(() => {
          checkOpen(tenant);
          const { imageUrl, video, doc, birthday, email: address, emailVerifyCode, ...rest } = body;
          const { countryCode: country, phoneNumber: number, phoneNumberVerifyCode, ...about } = rest;
          const { password: chosen, ...profile } = about;
          if ((address === undefined) !== (emailVerifyCode === undefined))
            throw new Invalid(
              address === undefined ? 'email' : 'emailVerifyCode',
              'email and emailVerifyCode come together',
            );
          return admitNewcomer(base, tenant, {
            phone: { target: phoneTarget(number, country), code: phoneNumberVerifyCode },
            email:
              address === undefined
                ? undefined
                : { target: mailTarget(address), code: emailVerifyCode ?? '' },
            password: chosen,
            profile: {
              ...profile,
              birthdate: birthday,
              avatar: imageUrl?.[0],
              files: filesOf(imageUrl, video, doc),
            },
          });
        }),
      handle: ({ db }, admitted) =>
        answered(async () => {
          const { id, userKey, userName } = await addNewcomer(db, base, admitted);
          return { id, userKey, userName };
        }),
    }),
    defineOperation({
      ...open('resetpassword', '/ResetPassword'),
      summary: 'Set a new password, with a code; all sessions end',
      example: {
        phoneNumber: '+8613800138000',
        phoneNumberVerifyCode: '123456',
        password: 'another good long password',
      },
      schemas: {
        body: {
          title: 'ResetPassword',
          type: 'object',
          additionalProperties: false,
          required: ['password'],
          properties: PROOFS,
        },
        answer: shapes.DELETED,
      },
      prepare: ({ tenant, body }) =>
        answered(() => admitReset(base, tenant, { ...resetTarget(body), password: body.password })),
      handle: ({ db, language }, reset) =>
        answered(async () => ({ id: (await resetPassword(db, base, reset, language)).id })),
    }),
  ];
}
