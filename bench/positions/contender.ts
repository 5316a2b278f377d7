import { fork } from 'node:child_process';
import type { Round } from '../alternate.js';
import type { Contending } from './contending.js';

/** @internal A consumer in a process of its own, which does a round when it is told to. */
export interface Contender {
  round(index: number): Promise<Round>;
  close(): void;
}

/**
 * Starts one, and waits until it is ready. A service has kafkajs or this library: in a process that runs both, V8 compiles kafkajs for the two
 * of them, and each is slower than it is alone.
 *
 * @internal
 */
export async function startContender(contending: Contending): Promise<Contender> {
  const child = fork(require.resolve('./contending.ts'), [JSON.stringify(contending)], {
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const answer = (): Promise<Round> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => {
        reject(new Error(`the ${contending.kind} consumer's process ended with ${code}`));
      };
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as Round);
      });
    });
  await answer();
  return {
    round(index) {
      const answered = answer();
      child.send(index);
      return answered;
    },
    close() {
      child.removeAllListeners();
      child.kill();
    },
  };
}
