/** What the examples share and what has nothing to do with Kafka: where the brokers are, and how a process ends. */

/** The brokers of a cluster, from `A_BROKERS` or `B_BROKERS`: addresses with commas between them. */
export function brokersOf(alias: 'A' | 'B'): string[] {
  const brokers = process.env[`${alias}_BROKERS`];
  if (brokers === undefined || brokers === '') {
    console.error(
      `${alias}_BROKERS must name the brokers of cluster ${alias}: host:port,host:port`,
    );
    process.exit(1);
  }
  return brokers.split(',');
}

/** Runs a service until the process is asked to end, and ends it in order. */
export async function untilToldToStop({
  start,
  stop,
}: {
  start: () => Promise<void>;
  stop: () => Promise<void>;
}): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve());
  });
  try {
    await start();
    console.log('started');
    await asked;
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  await stop();
}
