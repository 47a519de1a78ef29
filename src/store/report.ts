/** Tells the operator of a problem that no caller is told of. */
export type Report = (problem: string, error: unknown) => void;

const AGAIN_MS = 60_000;

/** Reports each problem at most once a minute: what fails at each commit would fill the log. */
export function seldom(report: Report): Report {
  const quietUntil = new Map<string, number>();
  return (problem, error) => {
    const now = performance.now();
    if (now < (quietUntil.get(problem) ?? 0)) return;
    quietUntil.set(problem, now + AGAIN_MS);
    report(problem, error);
  };
}
