import type { Duplex } from 'node:stream';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** What the plane uses of an undici pool (kernel/outbound-pool.ts makes them). */
export interface Dispatcher {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean;
  /** Waits for requests that are under way. */
  close(): Promise<void>;
  destroy(): Promise<void>;
  on(event: 'connect', listener: () => void): unknown;
}

export interface DispatchOptions {
  path: string;
  method: string;
  headers: string[];
  body: Buffer | Readable | null;
  headersTimeout: number;
  bodyTimeout: number;
  upgrade: string | null;
}

export interface DispatchController {
  readonly rawHeaders?: RawHeaders;
  readonly rawTrailers?: RawHeaders;
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

/** Names and values in turn. */
export type RawHeaders = Buffer[] | string[] | IncomingHttpHeaders | null;

export interface DispatchHandler {
  onRequestStart(controller: DispatchController): void;
  onRequestUpgrade(
    controller: DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void;
  onResponseStart(
    controller: DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    message?: string,
  ): void;
  onResponseData(controller: DispatchController, chunk: Buffer): void;
  onResponseEnd(controller: DispatchController): void;
  /** The controller is missing where the request was never sent. */
  onResponseError(controller: DispatchController | undefined, error: Error): void;
}
