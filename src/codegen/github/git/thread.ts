import { parentPort, workerData } from 'node:worker_threads';
import { GitProblem, type GitProblemKind } from './problem.js';
import { Repository, type RepositoryOptions } from './repository.js';

/** What the thread can be asked, one after the other. */
export type ThreadOrder = {
  [Name in 'clone' | 'write' | 'push']: { name: Name; args: Parameters<Repository[Name]> };
}['clone' | 'write' | 'push'];

export type ThreadAnswer =
  | { done: unknown }
  | { problem: { kind: GitProblemKind; message: string } }
  /** Of an error of this program; its message can have what a server has sent. */
  | { failed: string };

const repository = new Repository(workerData as RepositoryOptions);

const perform = async (order: ThreadOrder): Promise<unknown> => {
  switch (order.name) {
    case 'clone':
      return repository.clone(...order.args);
    case 'write':
      return repository.write(...order.args);
    case 'push':
      return repository.push();
  }
};

const LOCATION = /\n\s+at .*/g;

function answerTo(error: unknown): ThreadAnswer {
  if (error instanceof GitProblem) return { problem: { kind: error.kind, message: error.message } };
  const { name = 'Error', stack = '' } = error as Error;
  return { failed: [name, ...(stack.match(LOCATION) ?? [])].join('') };
}

parentPort?.on('message', (order: ThreadOrder) => {
  void perform(order)
    .then((done): ThreadAnswer => ({ done }), answerTo)
    .then((answer) => parentPort?.postMessage(answer));
});
