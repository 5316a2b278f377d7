/** A process that owns a stack, pauses one of its brokers, says which processes it has, and waits to be killed. */
import { startStack } from '../../stack/index.js';

async function main(): Promise<void> {
  const stack = await startStack({ flows: ['A->B'] });
  const servers = [stack.clusters.A, stack.clusters.B, stack.mirror.flow('A->B')];
  await stack.clusters.A.pause();
  console.log(JSON.stringify({ directory: stack.directory, pids: servers.map(({ pid }) => pid) }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
