/** A model of the library: its payload holds exactly these fields. */
interface Model {
  readonly IN_PAYLOAD: string[];
}

/** Lets a model of one provider keep fields of our own; the library drops those that it does not know. */
export function keepFields(model: unknown, fields: readonly string[]): void {
  const all = [...(model as Model).IN_PAYLOAD, ...fields];
  Object.defineProperty(model, 'IN_PAYLOAD', { get: () => all });
}

/** What interactions say of the revocations that they have seen (src/revocations). */
export interface InteractionFields {
  /** The generation of the catalogue when it began: what its pages show is as old. */
  asOf?: number;
  /** The generation when it was read: what a page does is checked after that. Not kept. */
  seen?: number | undefined;
}
