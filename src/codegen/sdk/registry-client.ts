import { AddressRefused } from '../../kernel/checked-addresses.js';
import { openOutboundPool } from '../../kernel/outbound-pool.js';
import type { Reach } from '../../kernel/private-networks.js';

/** Requests to a package registry, whose address is a caller's: guarded, bounded, and never redirected. */

export interface RegistryRequest {
  method: string;
  /** With the query, as it is sent. */
  path: string;
  headers: Record<string, string>;
  body?: Buffer | undefined;
}

export interface RegistryAnswer {
  status: number;
  /** The body; the first part of it where `cut` is set. */
  body: Buffer;
}

export interface RegistryReach {
  /** The registry's address: only its origin is used. */
  registry: URL;
  reach: Reach;
  signal: AbortSignal;
  /** For all of a request. */
  milliseconds?: number;
}

/** Why a registry gave no answer that can be read. The message is for the caller; it has no address that a name leads to. */
export class RegistryUnreachable extends Error {
  override name = 'RegistryUnreachable';
}

const MILLISECONDS = 30_000;

/** The first bytes of a body. @returns undefined where it has more than `most`, unless the rest is to be cut */
async function bodyOf(
  source: AsyncIterable<Buffer>,
  most: number,
  cut: boolean,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    pieces.push(piece);
    if (size <= most) continue;
    return cut ? Buffer.concat(pieces).subarray(0, most) : undefined;
  }
  return Buffer.concat(pieces);
}

function failureOf(error: unknown, signal: AbortSignal, deadline: AbortSignal, seconds: number): Error {
  if (error instanceof RegistryUnreachable) return error;
  if (signal.aborted) return signal.reason as Error;
  if (error instanceof AddressRefused)
    return new RegistryUnreachable(
      'the registry is in a private network, which this server does not connect to; ask the operator to allow it with outbound.allow',
    );
  const { code } = error as { code?: string };
  if (deadline.aborted || code === 'UND_ERR_CONNECT_TIMEOUT')
    return new RegistryUnreachable(`the registry gave no answer within ${seconds} seconds`);
  return new RegistryUnreachable('the connection to the registry failed; see that its address is right');
}

/**
 * One request. A redirect is an error: the token belongs to this registry, and to no other.
 * @param most bytes of the answer's body.
 * @param cut keeps the first part of a longer body, instead of an error.
 * @throws RegistryUnreachable; the signal's reason where it is aborted
 */
export async function askRegistry(
  { registry, reach, signal, milliseconds = MILLISECONDS }: RegistryReach,
  { method, path, headers, body }: RegistryRequest,
  { most, cut }: { most: number; cut: boolean },
): Promise<RegistryAnswer> {
  const deadline = AbortSignal.timeout(milliseconds);
  let pool: ReturnType<typeof openOutboundPool> | undefined;
  try {
    pool = openOutboundPool(registry, reach, { connections: 1 });
    const answer = await pool.request({
      method: method,
      path,
      headers,
      body: body ?? null,
      signal: AbortSignal.any([signal, deadline]),
    });
    answer.body.on('error', () => undefined); // of one that is not read to its end
    const { statusCode: status } = answer;
    if (status >= 300 && status < 400)
      throw new RegistryUnreachable(
        `the registry redirects (${status}), which is not followed; set "registry" to the address that it redirects to`,
      );
    const read = await bodyOf(answer.body, most, cut);
    if (!read) throw new RegistryUnreachable(`the registry answers with more than ${most} bytes`);
    return { status, body: read };
  } catch (error) {
    throw failureOf(error, signal, deadline, milliseconds / 1000);
  } finally {
    await pool?.destroy();
  }
}
