/* eslint-disable no-console -- the library warns through the console */
/**
 * oidc-provider warns while it loads when Node.js is older than 22. Gatehouse supports and tests Node.js 20.19, so this one
 * warning says nothing to its operators. All other warnings pass.
 */
const warn = console.warn;

console.warn = (...words: unknown[]): void => {
  if (!String(words[0]).includes('oidc-provider WARNING: Unsupported runtime.')) warn(...words);
};

export const letAllWarn = (): void => {
  console.warn = warn;
};
