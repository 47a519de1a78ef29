import type { IncomingMessage } from 'node:http';
import { networkOf } from './addresses.js';
import { hasBody } from './request.js';
import { whenRead } from './turn-phases.js';

/** What there is too much of: requests that are worked on, or bodies on their way from one address. */
export type Overload = 'requests' | 'bodies';

/** A request's place. It is left when the request ends. */
export interface Place {
  readonly request: IncomingMessage;
  /** Whose body it waits for; undefined where it waits for none. */
  network: string | undefined;
  inFlight: boolean;
  /** The request ended: maybe before it was decided. */
  left: boolean;
}

/**
 * Bounds the work that is done at once. A request counts as in flight when its body is there: until then it costs little
 * more than its connection, and a caller who never sends the rest must not take the places of all others. How many bodies
 * may be on their way is bounded for each address.
 */
export interface Admission {
  /**
   * Says through `decided` whether a request may go on: at once, or, where it has a body, when the bytes that came with its
   * headers are read.
   */
  enter(place: Place, address: string, decided: (overload: Overload | undefined) => void): void;
  leave(place: Place): void;
}

/** A place that has not been entered yet; to leave it changes nothing. */
export const placeFor = (request: IncomingMessage): Place => ({
  request,
  network: undefined,
  inFlight: false,
  left: false,
});

export function openAdmission({
  maxInFlight,
  maxBodiesPerAddress,
}: {
  maxInFlight: number;
  maxBodiesPerAddress: number;
}): Admission {
  let inFlight = 0;
  const coming = new Map<string, Set<Place>>();

  function begin(place: Place): void {
    inFlight += 1;
    place.inFlight = true;
  }

  /** The body does not come any more, or it is there. */
  function stopWaiting(place: Place): void {
    const { network } = place;
    if (network === undefined) return;
    place.network = undefined;
    const others = coming.get(network);
    others?.delete(place);
    if (others?.size === 0) coming.delete(network);
  }

  function arrived(place: Place): void {
    if (place.network === undefined) return;
    stopWaiting(place);
    begin(place);
  }

  /** Waits for a body. False where too many of the address are on their way, even without those that arrived unread. */
  function wait(place: Place, network: string): boolean {
    const others = coming.get(network) ?? new Set<Place>();
    if (others.size >= maxBodiesPerAddress)
      for (const other of others) if (other.request.complete) arrived(other);
    if (others.size >= maxBodiesPerAddress) return false;
    coming.set(network, others.add(place));
    place.network = network;
    place.request.on('end', () => arrived(place));
    return true;
  }

  function decide(place: Place, address: string): Overload | undefined {
    if (inFlight >= maxInFlight) return 'requests';
    if (hasBody(place.request) && !place.request.complete)
      return wait(place, networkOf(address)) ? undefined : 'bodies';
    begin(place);
    return undefined;
  }

  return {
    enter(place, address, decided) {
      const decideNow = (): void => {
        if (!place.left) decided(decide(place, address));
      };
      // The parser tells of a request before it has read the body that came in the same piece.
      if (hasBody(place.request)) whenRead(decideNow);
      else decideNow();
    },
    leave(place) {
      place.left = true;
      stopWaiting(place);
      if (place.inFlight) inFlight -= 1;
      place.inFlight = false;
    },
  };
}
