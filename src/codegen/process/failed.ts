/** A tool did not do its work. The message and the lines name no path of this machine. */
export class ToolFailed extends Error {
  override name = 'ToolFailed';
  constructor(
    message: string,
    /** What the tool wrote last, the newest line last. */
    readonly lastLines: readonly string[] = [],
  ) {
    super(message);
  }
}
