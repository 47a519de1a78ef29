let common: Promise<ReadonlySet<string>> | undefined;

/** The passwords that very many people have (tens of thousands, of leaks), in lower case; read when first needed. */
const load = async (): Promise<ReadonlySet<string>> => {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common']);
};

/** Whether a password is among those that are tried first. Case makes none of them better. */
export async function isCommon(password: string): Promise<boolean> {
  return (await (common ??= load())).has(password.toLowerCase());
}
