import type { Consumer } from 'kafkajs';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { HistoryEvent } from './history.js';
import { partitionsOf } from './kept-logs.js';
import type { Scenario } from './scenario.js';
import { consumerConfig, type Fact, TOPIC } from './service.js';

/** So that no process of the fleet has the same number. */
const FIRST_NUMBER = 1_000;

/** Is it no process of the fleet? */
export function isForeign(process: number): boolean {
  return process >= FIRST_NUMBER;
}

/**
 * Members of the service's group that are no processes of the fleet: an old release with plain kafkajs, or a tool that somebody has left
 * running. They handle what they are given and commit for themselves, on one cluster, whatever becomes of it.
 */
export class Foreigners {
  readonly #memory: MemoryWorld;
  readonly #scenario: Scenario;
  readonly #events: HistoryEvent[];
  readonly #present = new Map<number, Consumer>();
  #count = 0;

  constructor(memory: MemoryWorld, scenario: Scenario, events: HistoryEvent[]) {
    this.#memory = memory;
    this.#scenario = scenario;
    this.#events = events;
  }

  /** One comes, and stays for so long, in milliseconds. */
  async visit(cluster: string, forMs: number): Promise<void> {
    const number = FIRST_NUMBER + this.#count;
    this.#count += 1;
    try {
      await this.#start(cluster, number);
    } catch (error) {
      // The cluster is dead: nobody comes.
      this.#note({ kind: 'fact', process: number, what: `no foreigner: ${String(error)}` });
    }
    await this.#memory.clock.sleep(forMs);
    await this.#end(number);
  }

  /** Is anybody there, on whichever cluster? */
  get areThere(): boolean {
    return this.#present.size > 0;
  }

  /** All leave. */
  async leave(): Promise<void> {
    await Promise.all([...this.#present.keys()].map((number) => this.#end(number)));
  }

  async #start(alias: string, number: number): Promise<void> {
    const { clock, random } = this.#memory;
    const cluster = this.#memory.cluster(alias);
    const client = this.#memory.world.createKafka({
      clientId: `foreigner-${number}`,
      brokers: [...cluster.brokers],
      logLevel: 0,
    });
    const consumer = client.consumer(consumerConfig(this.#scenario));
    this.#present.set(number, consumer);
    await consumer.connect();
    const topics = [...new Set(partitionsOf(cluster).map(({ topic }) => topic))];
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ topic, partition, message: { offset, value } }) => {
        const facts = {
          process: number,
          consumer: `foreigner-${number}`,
          switchEpoch: 0,
          id: value?.toString() ?? '',
          logical: `${TOPIC}-${partition} of ${topic}`,
          place: { cluster: alias, topic, partition, offset: BigInt(offset) },
        };
        this.#note({ kind: 'handling', ...facts });
        await clock.sleep(random.below(this.#scenario.handler.maxMs + 1));
        this.#note({ kind: 'handled', ...facts });
      },
    });
  }

  async #end(number: number): Promise<void> {
    const consumer = this.#present.get(number);
    this.#present.delete(number);
    await consumer?.disconnect().catch(() => {});
  }

  #note(fact: Fact): void {
    this.#events.push({ ...fact, atMs: this.#memory.clock.nowMs() });
  }
}
