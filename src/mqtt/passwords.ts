import { createHash, randomBytes } from 'node:crypto';

/** A password as it is kept. */
export interface KeptPassword {
  algorithm: 'sha256';
  /** Hexadecimal text; it stands before the password, as text, when both are hashed. */
  salt: string;
  /** Hexadecimal, in small letters. */
  passwordHash: string;
}

const sha256 = (salt: string, password: string): string =>
  createHash('sha256')
    .update(salt + password)
    .digest('hex');

/**
 * The layout that EMQX's SQL authenticators read (`sha256`, salt as prefix). A fast hash is what brokers can check; what it
 * protects are passwords that were made at random for devices.
 */
export function keepPassword(password: string): KeptPassword {
  const salt = randomBytes(16).toString('hex');
  return { algorithm: 'sha256', salt, passwordHash: sha256(salt, password) };
}
