import { writeFileSync } from 'node:fs';
import Mocha, { type MochaOptions, type Runner, type Test } from 'mocha';
import { SEED } from './profile.js';
import { RESULTS } from './results.js';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

/** As `spec` does, and writes down which tests passed and which were skipped: workers are processes, and only this one knows all. */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const passed: string[] = [];
    const pending: string[] = [];
    const failed: string[] = [];
    const gather = (event: string, titles: string[]): void =>
      void runner.on(event, (test: Test) => titles.push(test.fullTitle()));
    gather(EVENT_TEST_PASS, passed);
    gather(EVENT_TEST_PENDING, pending);
    gather(EVENT_TEST_FAIL, failed);
    runner.once(EVENT_RUN_END, () => {
      writeFileSync(RESULTS, JSON.stringify({ passed, pending, failed }));
      console.log(`\n  SEED=${SEED} repeats what this run left to chance`);
    });
  }
}
