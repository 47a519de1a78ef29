/** A tool did not do its work. The message and the lines name no path of this machine. */
export class ToolFailed extends Error {
  override name = 'ToolFailed';
  constructor(
    message: string,
    /** What the tool wrote last, the newest line last. */
    readonly lastLines: readonly string[] = [],
    /** The part of the document that it failed at, as a JSON pointer, where it is known. */
    readonly path?: string,
  ) {
    super(message);
  }
}
