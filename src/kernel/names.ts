/** The form of a user's `sub`, in any case: the form of no client's id, and of no other user's name. */
const SUBJECT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isSubject = (name: string): boolean => SUBJECT.test(name);

/** The form in which names and e-mail addresses are compared and searched. */
export const foldName = (name: string): string => name.normalize('NFKC').toLowerCase();
