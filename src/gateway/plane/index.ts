/**
 * The data plane: calls under `/gateway/` on their way to backends and back.
 * `openPlane` takes what it needs of the other modules (`PlaneBase`) and gives the request listener (`Plane`). A call (`Call`)
 * passes named steps in the contract's order (sequence.ts); each step lets it go on, answers it, or refuses it with a `Problem`.
 * Then it is forwarded (forwarding.ts) as a stream, both ways, on pools of connections.
 * It must never send on what a caller says about its own identity or address, name a backend to a caller, pass an answer on as
 * whole that broke off, or connect other than through the pools that it is given.
 */
export { PREFIX } from './address.js';
export { askForBody } from './continue.js';
export { openPlane, type Plane, type PlaneBase } from './plane.js';
export type { Problem, ProblemWord } from './problem.js';
export type { AccessSteps, LocatedCall, PolicyRunner, UsageEntry } from './steps.js';
export { upgradeListener } from './tunnel.js';
