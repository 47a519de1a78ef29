import { characterTest, type CharacterTest } from './characters.js';
import { PatternError, type ParsedPattern, type PatternNode } from './syntax.js';

/** A state of an automaton (K. Thompson, 1968). Numbers are places in the list of states. */
export type State =
  | { kind: 'character'; test: CharacterTest; next: number }
  | { kind: 'split'; next: number[] }
  | { kind: 'assertion'; test: 'start' | 'end' | 'boundary' | 'noBoundary'; next: number }
  /** `at` is the place of the look-around in the list of them. */
  | { kind: 'look'; at: number; negative: boolean; next: number }
  | { kind: 'accept' };

export interface Automaton {
  states: State[];
  start: number;
}

/** A look-around: an automaton that is run over the whole text before the one that asks. */
export interface Look {
  automaton: Automaton;
  /** From the end to the beginning, for what has to follow a place. */
  backwards: boolean;
}

const MOST_STATES = 3000;

/** Builds the automata of a pattern; look-arounds that stand within others come before them. */
export class Builder {
  readonly looks: Look[] = [];
  #states = 0;

  constructor(readonly flags: ParsedPattern['flags']) {}

  /**
   * @param backwards whether the automaton reads texts from their end
   * @throws PatternError where the pattern needs too many states
   */
  build(node: PatternNode, backwards: boolean): Automaton {
    const states: State[] = [];
    const accept = this.#add(states, { kind: 'accept' });
    return { states, start: this.#into(states, node, accept, backwards) };
  }

  #add(states: State[], state: State): number {
    this.#states += 1;
    if (this.#states > MOST_STATES)
      throw new PatternError('is too large; count shorter repetitions, and use maxLength for long ones');
    return states.push(state) - 1;
  }

  /** Adds the states of a node that go on to `next`, and answers where they begin. */
  #into(states: State[], node: PatternNode, next: number, backwards: boolean): number {
    const add = (state: State): number => this.#add(states, state);
    switch (node.kind) {
      case 'character':
        return add({ kind: 'character', test: characterTest(node.source, this.flags), next });
      case 'assertion':
        return add({ ...node, next });
      case 'look': {
        const automaton = this.build(node.node, node.ahead);
        const at = this.looks.push({ automaton, backwards: node.ahead }) - 1;
        return add({ kind: 'look', at, negative: node.negative, next });
      }
      case 'choice':
        return add({
          kind: 'split',
          next: node.nodes.map((each) => this.#into(states, each, next, backwards)),
        });
      case 'sequence': {
        const ordered = backwards ? node.nodes : node.nodes.toReversed();
        return ordered.reduce((to, each) => this.#into(states, each, to, backwards), next);
      }
      case 'repeat':
        return this.#repeat(states, node, next, backwards);
    }
  }

  #repeat(
    states: State[],
    { node, min, max }: PatternNode & { kind: 'repeat' },
    next: number,
    backwards: boolean,
  ): number {
    if (min > MOST_STATES || (max !== Infinity && max > MOST_STATES))
      throw new PatternError('repeats too often; use maxLength for long texts');
    let to = next;
    if (max === Infinity) {
      const loop: State & { kind: 'split' } = { kind: 'split', next: [] };
      to = this.#add(states, loop);
      loop.next = [this.#into(states, node, to, backwards), next];
    } else
      for (let more = min; more < max; more += 1)
        to = this.#add(states, { kind: 'split', next: [this.#into(states, node, to, backwards), next] });
    for (let least = 0; least < min; least += 1) to = this.#into(states, node, to, backwards);
    return to;
  }
}
