/** Older names of generators, in routes and bodies. */
const OLDER: Readonly<Record<string, string>> = {
  typescript: 'hey-api-fetch',
  angular2: 'hey-api-angular',
};

/** The name of the generator that a `language` means: `hey-api-fetch` of `typescript`. */
export const generatorNameOf = (language: string): string =>
  Object.hasOwn(OLDER, language) ? (OLDER[language] as string) : language;
