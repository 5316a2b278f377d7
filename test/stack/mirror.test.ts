import { expect, it } from 'vitest';
import { Mirror, type FlowEnds, type MirrorFlow } from '../../stack/index.js';

/** A mirror of flows that only note what is done with them. */
function mirrorOf(...flows: FlowEnds[]): { mirror: Mirror; done: string[] } {
  const done: string[] = [];
  const mirror = new Mirror(flows, (ends) => {
    const name = `${ends.source}->${ends.target}`;
    const note = (what: string) => async (): Promise<void> => void done.push(`${what} ${name}`);
    const flow = { ...ends, name, stop: note('stop'), start: note('start') };
    // Proven: a mirror asks nothing else of its flows.
    return { ...flow, forgetSettings: note('forget') } as unknown as MirrorFlow;
  });
  return { mirror, done };
}

const there = { source: 'A', target: 'B' };
const back = { source: 'B', target: 'A' };

it('turns round: the old direction has ended, and its settings are gone, before the new one starts', async () => {
  const { mirror, done } = mirrorOf(there);
  const [first] = mirror.flows;
  await mirror.turn();
  expect(done).toEqual(['stop A->B', 'forget A->B', 'start B->A']);
  expect(mirror.flows).toMatchObject([back]);
  expect(() => mirror.flow('A->B')).toThrow('There is no flow A->B: B->A was configured.');
  await mirror.turn();
  expect(mirror.flows).toEqual([first]);
});

it.each([
  ['both directions are mirrored', [there, back], 'there is nothing to turn'],
  ['there is none', [], 'There is no flow that could be turned.'],
] as const)('is not turned where %s', async (_why, flows, words) => {
  const { mirror, done } = mirrorOf(...flows);
  await expect(mirror.turn()).rejects.toThrow(words);
  expect(done).toEqual([]);
});
