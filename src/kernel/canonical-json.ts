const compareNames = ([one]: [string, unknown], [other]: [string, unknown]): number => (one < other ? -1 : 1);

/**
 * JSON with the names of objects in order, so that equal values have equal texts. Compare what callers send by it: Ajv's own
 * comparison calls the `valueOf` and `toString` of a value, and throws where JSON has other things under these names.
 */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(compareNames))
      : each,
  );
