/** A value that is made when it is first asked for: what a process does not need costs nothing at its start. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
