import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill } from './support.js';

const LATENCY_MS = 10;
const ROUND_TRIP_MS = 2 * LATENCY_MS;
const PARTITIONS = 4;

/** The clock of this world moves with the network, and not with the work: so it counts round trips. */
describe('a switch of clients that wait on the standby', () => {
  it.each([
    { kind: 'planned', planned: true, maxCount: 19, maxSendCount: 15 },
    { kind: 'unplanned', planned: false, maxCount: 15, maxSendCount: 10 },
  ])(
    'that is $kind takes $maxCount round trips to the first new record, $maxSendCount to an acknowledgement',
    async ({ planned, maxCount, maxSendCount }) => {
      const cluster = {
        topics: { orders: PARTITIONS },
        initialRebalanceDelayMs: 3_000,
        latencyMs: LATENCY_MS,
      };
      const memory = ordersWorld({ clusters: { A: cluster, B: cluster } });
      const { clock } = memory;
      await memory.run(async () => {
        const hot = { hotStandby: true };
        const kafka = kafkaIn(memory, { consumer: hot, producer: hot });
        let onNew = (_cluster: string): void => {};
        await consume(kafka, async ({ cluster: readOn, message }) => {
          if (String(message.value).startsWith('r')) onNew(readOn);
        });
        const producer = kafka.producer();
        await producer.connect();
        const send = () => producer.send({ topic: 'orders', messages: [{ value: 'sent' }] });
        await send();
        // Out, and home: there what was handled away is retraced as well.
        for (const to of ['B', 'A']) {
          await until(memory, 'both wait', () => isHot(kafka), 60_000);
          await clock.sleep(5_000);
          const startedAtMs = clock.nowMs();
          const countNow = (): number => (clock.nowMs() - startedAtMs) / ROUND_TRIP_MS;
          let count = Number.NaN;
          onNew = (readOn) => {
            if (readOn === to && Number.isNaN(count)) count = countNow();
          };
          let sendCount = Number.NaN;
          const end = kafka.on('switch.phase-started', ({ phase }) => {
            if (phase !== 'fence') return;
            end();
            void send().then(() => {
              sendCount = countNow();
            });
          });
          const switched = kafka.switchTo(to, { planned });
          // Somebody else writes there all the time.
          for (let from = 0; Number.isNaN(count + sendCount) && countNow() < 100; from += 1) {
            fill(memory, { cluster: to, partition: from % PARTITIONS, from });
            await clock.sleep(2);
          }
          await switched;
          expect(Math.floor(count)).toBeLessThanOrEqual(maxCount);
          expect(Math.floor(sendCount)).toBeLessThanOrEqual(maxSendCount);
        }
        await kafka.close();
      });
    },
  );
});

function isHot(kafka: FailoverKafka): boolean {
  const { consumers, producers } = kafka.status();
  return (
    consumers.every(({ standby }) => standby.kind === 'joined') &&
    producers.every(({ standby }) => standby.kind === 'connected')
  );
}
