import { Builder, type Automaton } from './automaton.js';
import type { CharacterTest } from './characters.js';
import { PatternError, type ParsedPattern, type PatternNode } from './syntax.js';

/**
 * Whether the platform's engine, which tries one way after another, matches a pattern in time linear to the text: the pattern
 * begins with `^`, and at no place does the next character leave it a choice. It then gives each place up once. (Strong
 * one-unambiguity: A. Brüggemann-Klein and D. Wood, 1998.)
 */
export function isDeterministic({ node, flags }: ParsedPattern): boolean {
  const inner = withoutAnchors(node);
  if (!inner || !hasOnlyCharacters(inner)) return false;
  try {
    return leavesNoChoice(new Builder(flags).build(inner, false));
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}

/** What stands between `^` and `$`; undefined without `^`. */
function withoutAnchors(node: PatternNode): PatternNode | undefined {
  const nodes = node.kind === 'sequence' ? node.nodes : [node];
  if (!isAnchor(nodes[0], 'start')) return undefined;
  return { kind: 'sequence', nodes: nodes.slice(1, isAnchor(nodes.at(-1), 'end') ? -1 : undefined) };
}

const isAnchor = (node: PatternNode | undefined, test: 'start' | 'end'): boolean =>
  node?.kind === 'assertion' && node.test === test;

function hasOnlyCharacters(node: PatternNode): boolean {
  switch (node.kind) {
    case 'character':
      return true;
    case 'repeat':
      return hasOnlyCharacters(node.node);
    case 'sequence':
    case 'choice':
      return node.nodes.every(hasOnlyCharacters);
    default:
      return false;
  }
}

function leavesNoChoice({ states, start }: Automaton): boolean {
  return [start, ...states.flatMap((state) => (state.kind === 'character' ? [state.next] : []))].every(
    (from) => isUnambiguous(states, from),
  );
}

/** Whether each state that is reached from one without a character is reached in one way, and takes other characters. */
function isUnambiguous(states: Automaton['states'], from: number): boolean {
  const seen = new Set<number>();
  const open = [from];
  const tests: CharacterTest[] = [];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) return false;
    seen.add(at);
    const state = states[at];
    if (state?.kind === 'split') open.push(...state.next);
    if (state?.kind !== 'character') continue;
    if (tests.some((test) => test.overlaps(state.test))) return false;
    tests.push(state.test);
  }
  return true;
}
