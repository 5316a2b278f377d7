import { describe, expect, it } from 'vitest';
import { Traffic } from '../../src/health/traffic.js';
import { kafka } from '../../src/kafkajs.js';

const { KafkaJSConnectionError, KafkaJSProtocolError, KafkaJSRequestTimeoutError } = kafka;

function protocolError(type: string): Error {
  return Object.assign(new KafkaJSProtocolError(new Error(type)), { type });
}

describe('the evidence of real traffic', () => {
  it('is forgotten when it was looked at', () => {
    const traffic = new Traffic();
    traffic.worked('produce');
    traffic.failed('produce', new KafkaJSConnectionError('refused'));
    expect(traffic.take('produce')).toMatchObject({ worked: true, failures: [expect.any(String)] });
    expect(traffic.take('produce')).toEqual({ worked: false, failures: [] });
  });

  it('is kept apart for sends and for groups', () => {
    const traffic = new Traffic();
    traffic.worked('consume');
    expect(traffic.take('produce').worked).toBe(false);
    expect(traffic.take('consume').worked).toBe(true);
  });

  it.each([
    ['a connection that failed', new KafkaJSConnectionError('refused'), 1],
    ['want of replicas', protocolError('NOT_ENOUGH_REPLICAS'), 1],
    ['a partition without a leader', protocolError('LEADER_NOT_AVAILABLE'), 1],
    ['a record that is too large', protocolError('MESSAGE_TOO_LARGE'), 0],
    ['missing rights', protocolError('TOPIC_AUTHORIZATION_FAILED'), 0],
    ['a bug in the service', new TypeError('x is not a function'), 0],
    ['something unknown', new Error('hm'), 0],
  ])('of a send: %s', (_what, error, count) => {
    const traffic = new Traffic();
    traffic.failed('produce', error);
    expect(traffic.take('produce').failures).toHaveLength(count);
  });

  it('of a group is its coordinator, not a partition', () => {
    const traffic = new Traffic();
    traffic.failed('consume', protocolError('GROUP_COORDINATOR_NOT_AVAILABLE'));
    traffic.failed('consume', protocolError('LEADER_NOT_AVAILABLE'));
    expect(traffic.take('consume').failures).toHaveLength(1);
  });

  it('is bounded', () => {
    const traffic = new Traffic();
    const error = new KafkaJSRequestTimeoutError('Request timed out', {
      broker: 'a1:9092',
      clientId: 'service',
      correlationId: 1,
      createdAt: 0,
      sentAt: 0,
      pendingDuration: 0,
    });
    for (let count = 0; count < 1_000; count += 1) traffic.failed('produce', error);
    expect(traffic.take('produce').failures).toHaveLength(16);
  });
});
