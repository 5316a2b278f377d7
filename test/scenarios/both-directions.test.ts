import { describe, expect, it } from 'vitest';
import { consumeOrders, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';

const mirror = { policy: 'identity', copyLagMs: 500 } as const;

describe('under the Identity policy', () => {
  it('a planned switch is refused, and explained, while MirrorMaker copies both ways', () => {
    const memory = ordersWorld({ mirror });
    return memory.run(async () => {
      const kafka = kafkaIn(memory, { mirror: { policy: 'identity' } });
      const handled = await consumeOrders(kafka);
      await memory.clock.sleep(5_000);
      write(memory, 'A', ['one']);
      await until(memory, 'it comes back again and again', () => handled.length > 5);
      const { obstacles, prediction } = await kafka.plan({ to: 'B' });
      expect(obstacles).toEqual([expect.stringMatching(/copies orders from A to B and back/)]);
      expect(prediction.missing).toContainEqual({
        kind: 'both-directions',
        ...{ source: 'A', target: 'B', topic: 'orders' },
      });
      await expect(kafka.switchTo('B')).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
      });
      expect(kafka.status().active).toBe('A');
      await kafka.close();
    });
  });

  it('nothing is refused where one direction was stopped before the other was started', () => {
    const memory = ordersWorld({ mirror });
    return memory.run(async () => {
      memory.mirror('B->A').stop();
      const kafka = kafkaIn(memory, { mirror: { policy: 'identity' } });
      const handled = await consumeOrders(kafka);
      await memory.clock.sleep(5_000);
      write(memory, 'A', ['one', 'two']);
      await until(memory, 'it is read', () => handled.length === 2);
      await kafka.switchTo('B');
      memory.mirror('A->B').stop();
      await memory.clock.sleep(11_000);
      memory.mirror('B->A').start();
      write(memory, 'B', ['three']);
      await until(memory, 'it is read, too', () => handled.includes('three'));
      await memory.clock.sleep(3_000);
      const { prediction } = await kafka.plan({ to: 'A' });
      expect(prediction.missing.map(({ kind }) => kind)).not.toContain('both-directions');
      await kafka.close();
    });
  });
});
