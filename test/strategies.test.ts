import { describe, expect, it } from 'vitest';
import {
  consulStrategy,
  dnsStrategy,
  eurekaStrategy,
  fileStrategy,
  httpStrategy,
} from '../src/strategies.js';
import { sourcesOf } from './strategy/support.js';

describe('the strategies that follow one kind of source', () => {
  it.each([
    ['consul', consulStrategy({ key: 'kafka/active' })],
    ['file', fileStrategy({ path: '/etc/kafka-active' })],
    ['http', httpStrategy({ url: 'http://config/kafka' })],
    ['dns', dnsStrategy({ name: 'kafka.example.com', type: 'TXT' })],
    ['eureka', eurekaStrategy({ url: 'http://eureka:8761/eureka', app: 'kafka' })],
  ])('watch that source, and no health: %s', (kind, strategy) => {
    expect(strategy.signals).toHaveLength(1);
    expect(strategy.signals?.[0]?.name).toContain(kind);
    expect(strategy.name).toBe(`follow ${strategy.signals?.[0]?.name}`);
    expect(strategy.watchesHealth ?? false).toBe(false);
  });

  it('watch several Consuls, where there are several', () => {
    const address = ['http://east:8500', 'http://west:8500'];
    expect(consulStrategy({ key: 'kafka/active', address }).signals).toHaveLength(2);
  });

  it('hand on what the following takes', async () => {
    const strategy = fileStrategy({ path: '/etc/kafka-active', initial: 'B' });
    expect(await strategy.startOn(sourcesOf(), ['A', 'B'])).toBe('B');
  });

  it.each([
    [
      'a misspelt option of the source',
      () => consulStrategy({ key: 'k', adress: 'x' } as never),
      /address/,
    ],
    [
      'a misspelt option of the following',
      () => fileStrategy({ path: '/x', initail: 'B' } as never),
      /initail/,
    ],
    [
      'a wrong one of the following',
      () => fileStrategy({ path: '/x', onUnknownAtStart: 'stop' } as never),
      /onUnknownAtStart/,
    ],
    ['no options at all', () => consulStrategy(undefined as never), /key/],
    ['a text', () => consulStrategy('kafka/active' as never), /must be an object/],
    ['no addresses', () => consulStrategy({ key: 'k', address: [] }), /strategy\.signals/],
  ])('refuse %s', (_what, make, message) => {
    expect(make).toThrow(message);
  });
});
