import type { Recorder } from '../../plane/steps.js';

/** How many bytes of bodies may be on their way into the cache at once. */
export interface Room {
  left: number;
}

/**
 * Collects a body while it is passed on. One that is too long, breaks off, or has another length than it says is not kept.
 * @param keep called with the whole body
 */
export function recordBody(
  { most, said }: { most: number; said: number | undefined },
  room: Room,
  keep: (body: Buffer) => void,
): Recorder {
  let chunks: Buffer[] | undefined = [];
  let length = 0;
  const drop = (): void => {
    if (chunks) room.left += length;
    chunks = undefined;
  };
  return {
    write(chunk) {
      if (!chunks) return;
      if (length + chunk.length > most || chunk.length > room.left) return drop();
      // The chunk may be a part of a larger piece of memory, which would be kept with it.
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      room.left -= chunk.length;
    },
    end() {
      const whole = chunks;
      drop();
      if (whole && (said === undefined || said === length)) keep(Buffer.concat(whole, length));
    },
    abort: drop,
  };
}
