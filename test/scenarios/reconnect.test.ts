import { describe, it } from 'vitest';
import { processWorld } from '../simulation/process-world.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';

describe('a producer whose connection attempts are not answered for a while', () => {
  it('gets through again as soon as they are, although new sends come all the time', async () => {
    const memory = ordersWorld();
    const process = processWorld({
      memory,
      activeCluster: '',
      host: undefined,
      onWrite: () => {},
      onKept: () => {},
    });
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { world: process.world });
      const producer = kafka.producer();
      await producer.connect();
      let acknowledgedCount = 0;
      let isOver = false;
      const sending = (async () => {
        while (!isOver) {
          producer.send({ topic: 'orders', messages: [{ value: 'x' }] }).then(
            () => {
              acknowledgedCount += 1;
            },
            () => {},
          );
          await memory.clock.sleep(100);
        }
      })();
      await until(memory, 'sends are acknowledged', () => acknowledgedCount > 3);
      memory.cluster('A').down();
      // Its connections are closed. From now on nobody answers, and nobody refuses either.
      await memory.clock.sleep(50);
      process.cut('A');
      memory.cluster('A').up();
      await memory.clock.sleep(5_000);
      process.uncut('A');
      acknowledgedCount = 0;
      await until(memory, 'sends are acknowledged again', () => acknowledgedCount > 3, 60_000);
      isOver = true;
      await sending;
      await kafka.close();
      await until(memory, 'no connection is left', () =>
        memory.clusters.every(({ connectionCount }) => connectionCount === 0),
      );
    });
  });
});
