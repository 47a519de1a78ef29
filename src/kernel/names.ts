/** The form in which names and e-mail addresses are compared and searched. */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase();
