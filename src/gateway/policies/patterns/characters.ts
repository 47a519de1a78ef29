/** Which characters a part of a pattern takes. */
export interface CharacterTest {
  readonly source: string;
  takes(character: string): boolean;
  /** Whether a character may be taken by both. True where it cannot be excluded. */
  overlaps(other: CharacterTest): boolean;
}

const ASCII = 128;

/** Parts that take only ASCII: plain letters, classes of them, and escapes that mean such. A dot takes anything. */
const ASCII_ONLY =
  /^(?:[^.\\[\u0080-\u{10ffff}]|\\[dwnrtfv^$\\.*+?()[\]{}|/-]|\[(?!\^)(?:[^\\\]\u0080-\u{10ffff}]|\\[dwnrtfv^$\\.*+?()[\]{}|/-])*\])$/u;

class PartTest implements CharacterTest {
  readonly #regExp: RegExp;
  readonly ascii = new Uint8Array(ASCII);
  readonly asciiOnly: boolean;

  constructor(
    readonly source: string,
    flags: 'u' | '',
  ) {
    this.#regExp = new RegExp(`^(?:${source})$`, flags);
    for (let code = 0; code < ASCII; code += 1)
      this.ascii[code] = this.#regExp.test(String.fromCharCode(code)) ? 1 : 0;
    this.asciiOnly = ASCII_ONLY.test(source);
  }

  takes(character: string): boolean {
    const code = character.charCodeAt(0);
    return code < ASCII ? this.ascii[code] === 1 : !this.asciiOnly && this.#regExp.test(character);
  }

  overlaps(other: PartTest): boolean {
    if (!this.asciiOnly && !other.asciiOnly) return true;
    return this.ascii.some((taken, code) => taken === 1 && other.ascii[code] === 1);
  }
}

/** @param source one character, class or escape of a pattern */
export const characterTest = (source: string, flags: 'u' | ''): CharacterTest => new PartTest(source, flags);
