/**
 * Patterns of a publisher's document, on texts of a caller: matched in time that is bounded by the length of both.
 * A pattern that is deterministic runs in the platform's engine, which is then linear. All others run as automata that follow
 * every way at once, look-arounds too. Back references, and patterns that need too many states, are refused (`PatternError`).
 * It must never give a pattern that can backtrack to the platform's engine.
 */
import { Builder, type Automaton, type Look, type State } from './automaton.js';
import { isDeterministic } from './deterministic.js';
import { parsePattern, type ParsedPattern } from './syntax.js';

export { PatternError } from './syntax.js';

/** How much work one request may cause. */
export interface Budget {
  /** @throws where there has been more than a request may cause */
  spend(steps: number): void;
}

export interface Pattern {
  test(text: string): boolean;
}

/** @throws PatternError */
export function compilePattern(source: string, budget: Budget): Pattern {
  const parsed = parsePattern(source);
  return isDeterministic(parsed) ? new RegExp(source, parsed.flags) : new AutomatonPattern(parsed, budget);
}

const WORD = /^[A-Za-z0-9_]$/;

class AutomatonPattern implements Pattern {
  readonly #automaton: Automaton;
  readonly #looks: readonly Look[];
  readonly #isUnicode: boolean;

  constructor(
    { node, flags }: ParsedPattern,
    readonly budget: Budget,
  ) {
    const builder = new Builder(flags);
    this.#automaton = builder.build(node, false);
    this.#looks = builder.looks;
    this.#isUnicode = flags === 'u';
  }

  test(text: string): boolean {
    const characters = this.#isUnicode ? Array.from(text) : text.split('');
    const run = new Run(characters, this.budget);
    for (const { automaton, backwards } of this.#looks)
      run.looks.push(run.matches(automaton, backwards ? 'backwards' : 'forwards'));
    return run.matches(this.#automaton, 'first').includes(1);
  }
}

/** One text, with where its look-arounds match. */
class Run {
  readonly looks: Uint8Array[] = [];

  constructor(
    readonly characters: readonly string[],
    readonly budget: Budget,
  ) {}

  /** At which places of the text a match ends that began anywhere before, in the direction of reading. */
  matches({ states, start }: Automaton, direction: 'forwards' | 'backwards' | 'first'): Uint8Array {
    const { length } = this.characters;
    const found = new Uint8Array(length + 1);
    const by = direction === 'backwards' ? -1 : 1;
    const entered = new Int32Array(states.length).fill(-1);
    let open: number[] = [];
    for (let step = 0; step <= length; step += 1) {
      const place = by === 1 ? step : length - step;
      open.push(start);
      const characters = this.#closure(states, open, place, step, entered, found);
      if (direction === 'first' && found[place] === 1) return found;
      const character = this.characters[by === 1 ? place : place - 1];
      open = [];
      if (character === undefined) break;
      for (const state of characters) if (state.test.takes(character)) open.push(state.next);
    }
    return found;
  }

  /** The states that take a character, of all that can be reached from the open ones at a place. */
  #closure(
    states: readonly State[],
    open: number[],
    place: number,
    step: number,
    entered: Int32Array,
    found: Uint8Array,
  ): (State & { kind: 'character' })[] {
    const characters: (State & { kind: 'character' })[] = [];
    let steps = 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      steps += 1;
      if (entered[at] === step) continue;
      entered[at] = step;
      const state = states[at] as State;
      if (state.kind === 'character') characters.push(state);
      else if (state.kind === 'accept') found[place] = 1;
      else if (state.kind === 'split') open.push(...state.next);
      else if (this.#holds(state, place)) open.push(state.next);
    }
    this.budget.spend(steps);
    return characters;
  }

  #holds(state: State & { kind: 'assertion' | 'look' }, place: number): boolean {
    if (state.kind === 'look') return (this.looks[state.at]?.[place] === 1) !== state.negative;
    if (state.test === 'start') return place === 0;
    if (state.test === 'end') return place === this.characters.length;
    const isBoundary = this.#isWord(place - 1) !== this.#isWord(place);
    return isBoundary === (state.test === 'boundary');
  }

  #isWord(place: number): boolean {
    const character = this.characters[place];
    return character !== undefined && WORD.test(character);
  }
}
