/** Older names of generators, in routes and bodies, and what they are called now. */
export const OLDER_NAMES: Readonly<Record<string, string>> = {
  typescript: 'hey-api-fetch',
  angular2: 'hey-api-angular',
};

/** The name of the generator that a `language` means: `hey-api-fetch` of `typescript`. */
export const generatorNameOf = (language: string): string =>
  Object.hasOwn(OLDER_NAMES, language) ? (OLDER_NAMES[language] as string) : language;
