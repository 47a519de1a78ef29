/** What a change means by semantic versioning. */
export type Level = 'major' | 'minor' | 'patch';

export interface Change {
  level: Level;
  /** Where, and what, in one line. Names in it are the document's. */
  text: string;
}

const ORDER: readonly Level[] = ['patch', 'minor', 'major'];
const LONGEST_TEXT = 300;
const MOST_CHANGES = 500;
const MOST_NODES = 300_000;
const MOST_DEPTH = 400;

/** The highest level of changes; undefined where there are none. */
export const highest = (changes: readonly Change[]): Level | undefined =>
  [...ORDER].reverse().find((level) => changes.some((change) => change.level === level));

/** Collects changes, and says when comparing has to end. */
export class Changes {
  readonly #list: Change[] = [];
  readonly #left: Record<Level, number> = { major: 0, minor: 0, patch: 0 };
  readonly #said = new Set<string>();
  #nodes = 0;
  #isOver = false;

  constructor(private readonly mostNodes = MOST_NODES) {}

  add(level: Level, text: string): void {
    const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, LONGEST_TEXT);
    if (this.#said.has(line)) return;
    if (this.#list.length >= MOST_CHANGES) this.#left[level] += 1;
    else {
      this.#said.add(line);
      this.#list.push({ level, text: line });
    }
  }

  /** Counts a place that is compared. @returns false where there is no room for more: what is left is not compared */
  enter(depth: number): boolean {
    this.#nodes += 1;
    if (this.#nodes <= this.mostNodes && depth <= MOST_DEPTH) return true;
    this.#isOver = true;
    return false;
  }

  get isEmpty(): boolean {
    return this.#list.length === 0 && !this.#isOver;
  }

  /** The changes, the gravest first. */
  get all(): Change[] {
    const more = ORDER.filter((level) => this.#left[level] > 0).map((level): Change => ({
      level,
      text: `${this.#left[level]} more changes`,
    }));
    if (this.#isOver)
      more.push({
        level: 'major',
        text: 'The documents are too large or too deep to be compared as a whole',
      });
    const rank = ({ level }: Change): number => ORDER.indexOf(level);
    return [...this.#list, ...more].sort((a, b) => rank(b) - rank(a));
  }
}
