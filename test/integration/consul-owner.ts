/** A process that owns a Consul agent, pauses it, says which process it is, and waits to be killed. */
import { startConsul } from '../../stack/index.js';

async function main(): Promise<void> {
  const agent = (await startConsul()).agent(0);
  await agent.pause();
  console.log(JSON.stringify({ pid: agent.pid }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
