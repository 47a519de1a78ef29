/** A stream that a command writes to; on a terminal it says how wide that is. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** All that a command knows of its surroundings. Modules of the command line use nothing else of the process. */
export interface Io {
  env: NodeJS.ProcessEnv;
  /** The folder that the command was started in. */
  cwd: string;
  stdin: AsyncIterable<unknown>;
  stdout: Output;
  stderr: Output;
  /** Resolves with the name of the signal when the server is asked to stop. */
  stopSignal(): Promise<string>;
  /** Ends the process at once, without the last lines of the log, which nobody reads. */
  abandon(): void;
}

/** Of one run: its surroundings, and the exit code that it answers. */
export interface Run extends Io {
  exitCode: number;
}
