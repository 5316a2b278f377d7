import { describe, expect, it } from 'vitest';
import { manualStrategy } from '../../src/strategy/manual.js';
import { manualWorld } from '../support/manual-world.js';
import { sourcesOf, viewOf } from './support.js';

const aliases = ['A', 'B'];
const view = viewOf();

describe('the manual strategy at start', () => {
  it('has no opinion where nothing is said', async () => {
    expect(await manualStrategy().startOn(sourcesOf(), aliases)).toBeUndefined();
  });

  it('prefers the environment to the file, and the file to the initial cluster', async () => {
    const strategy = manualStrategy({ environment: 'ACTIVE', file: '/flag', initial: 'A' });
    const world = manualWorld();
    expect(await strategy.startOn(sourcesOf({ world }), aliases)).toBe('A');
    world.files.set('/flag', ' B\n');
    expect(await strategy.startOn(sourcesOf({ world }), aliases)).toBe('B');
    world.environmentVariables.set('ACTIVE', 'A');
    expect(await strategy.startOn(sourcesOf({ world }), aliases)).toBe('A');
  });

  it('takes an empty variable or file as no opinion', async () => {
    const strategy = manualStrategy({ environment: 'ACTIVE', file: '/flag', initial: 'B' });
    const world = manualWorld();
    world.environmentVariables.set('ACTIVE', '');
    world.files.set('/flag', '\n');
    expect(await strategy.startOn(sourcesOf({ world }), aliases)).toBe('B');
  });

  it.each([
    ['environment', 'strategy.environment (variable ACTIVE)'],
    ['file', 'strategy.file (/flag)'],
    ['initial', 'strategy.initial'],
  ])('does not start on an unknown cluster named by %s', async (source, option) => {
    const world = manualWorld();
    if (source === 'environment') world.environmentVariables.set('ACTIVE', 'C');
    if (source === 'file') world.files.set('/flag', 'C');
    const strategy = manualStrategy({
      environment: 'ACTIVE',
      file: '/flag',
      initial: source === 'initial' ? 'C' : 'A',
    });
    await expect(strategy.startOn(sourcesOf({ world }), aliases)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_OPTIONS',
      option,
      value: 'C',
    });
  });

  it('shows only the start of a value that is no alias at all', async () => {
    const world = manualWorld();
    world.files.set('/flag', 'x'.repeat(100_000));
    const failed = manualStrategy({ file: '/flag' }).startOn(sourcesOf({ world }), aliases);
    await expect(failed).rejects.toThrow(/must name one of the clusters A, B, got "x{60}\.\.\."/);
  });
});

describe('the manual strategy', () => {
  it('stays without an order', () => {
    expect(manualStrategy().decide(view)).toEqual({ kind: 'stay', because: 'no-order' });
  });

  it('stays where the order names the active cluster', () => {
    const order = { to: 'A', planned: true, reason: 'x' };
    expect(manualStrategy().decide({ ...view, order })).toEqual({
      kind: 'stay',
      because: 'already-active',
    });
  });

  it('switches when it is told to', () => {
    const order = { to: 'B', planned: false, reason: 'A burns' };
    expect(manualStrategy().decide({ ...view, order })).toEqual({
      kind: 'switch',
      ...order,
      by: 'operator',
    });
  });
});
