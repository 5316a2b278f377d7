import type { KafkaConfig } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { Sessions } from '../../src/cluster/sessions.js';
import { kafka } from '../../src/kafkajs.js';
import { manualWorld } from '../support/manual-world.js';

function sessions() {
  const told: string[] = [];
  const world = { ...manualWorld(), createKafka: (config: KafkaConfig) => new kafka.Kafka(config) };
  const made = new Sessions((alias) => ({
    alias,
    clusterOptions: { brokers: ['localhost:1'] },
    kafkaConfig: { logLevel: 0 },
    world,
    events: { emit: (name) => told.push(name) },
    stalledAfterMs: 1_000,
  }));
  return { made, told };
}

describe('the session that waits on the standby', () => {
  it('has no epoch, and gets that of the switch which opens it', () => {
    const { made } = sessions();
    const waiting = made.waitingOn('B');
    expect(made.waitingOn('B')).toBe(waiting);
    expect(waiting.isStandby).toBe(true);
    expect(() => waiting.switchEpoch).toThrow('no epoch yet');
    expect(made.open('B', 7)).toBe(waiting);
    expect(waiting).toMatchObject({ isStandby: false, switchEpoch: 7 });
  });

  it('is given out once: the next epoch has another one', () => {
    const { made } = sessions();
    const waiting = made.waitingOn('B');
    made.open('B', 7);
    expect(made.open('B', 8) === waiting).toBe(false);
    expect(made.waitingOn('B') === waiting).toBe(false);
  });

  it('goes on waiting where another cluster is opened', () => {
    const { made } = sessions();
    const waiting = made.waitingOn('B');
    expect(made.open('A', 7)).toMatchObject({ alias: 'A', switchEpoch: 7 });
    expect(made.open('B', 8)).toBe(waiting);
  });

  it('ends where another cluster stands behind the name, without a word of a fence', () => {
    const { made, told } = sessions();
    const waiting = made.waitingOn('B');
    made.mismatched('A', new Error('no matter'));
    expect(waiting.signal.aborted).toBe(false);
    made.mismatched('B', new Error('another cluster'));
    expect(waiting.signal.aborted).toBe(true);
    expect(told).toEqual([]);
    const opened = made.open('B', 7);
    expect(opened === waiting).toBe(false);
    expect(opened.signal.aborted).toBe(false);
  });
});
