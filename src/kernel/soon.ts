/** What is there at once, or will be: on a hot path, a value that is there is not waited for. */
export type Soon<T> = T | Promise<T>;

export const soon = <T, A>(value: Soon<T>, then: (value: T) => Soon<A>): Soon<A> =>
  value instanceof Promise ? value.then(then) : then(value);
