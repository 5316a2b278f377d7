import { describe, expect, it } from 'vitest';
import { manualWorld } from '../../support/manual-world.js';
import { EventLog } from '../../../stack/proxy/event-log.js';
import { Faults } from '../../../stack/proxy/faults.js';
import { readRequest } from '../../../stack/proxy/frames.js';
import { Lane } from '../../../stack/proxy/lane.js';
import { requestBytes } from './tiny-kafka.js';

/** A lane between ends that only note what happens. The receiver takes what comes unless it is full. */
function makeLane({ laneLimitBytes }: { laneLimitBytes: number }) {
  const seen: string[] = [];
  const ends = { isFull: false };
  const faults = new Faults(() => lane.pump());
  const log = new EventLog(100);
  const context = { faults, log, clock: manualWorld(), laneLimitBytes };
  const lane: Lane = new Lane(context, 1, 'request', {
    write(bytes) {
      seen.push(`write ${readRequest(bytes)?.correlationId}`);
      return !ends.isFull;
    },
    end: () => seen.push('end'),
    reset: () => seen.push('reset'),
    answer: () => false,
    passes: () => {},
    pauseSender: () => seen.push('pause'),
    resumeSender: () => seen.push('resume'),
  });
  const send = (correlationId: number): void => {
    const bytes = requestBytes('Metadata', correlationId);
    lane.frame(bytes, readRequest(bytes));
  };
  return { lane, log, faults, ends, seen, send };
}

const frameBytes = requestBytes('Metadata', 1).length;

describe('Lane', () => {
  it('writes no more to a receiver that is full until it takes more', () => {
    const { lane, ends, seen, send } = makeLane({ laneLimitBytes: 10_000 });
    ends.isFull = true;
    for (const correlationId of [1, 2, 3]) send(correlationId);
    lane.end();
    expect(seen).toEqual(['write 1']);
    lane.drained();
    expect(seen).toEqual(['write 1', 'write 2']);
    ends.isFull = false;
    lane.drained();
    expect(seen).toEqual(['write 1', 'write 2', 'write 3', 'end']);
  });

  it('stops its sender while more waits than it may keep', () => {
    const { faults, seen, send } = makeLane({ laneLimitBytes: 2 * frameBytes });
    const stalled = faults.set({ kind: 'stall', direction: 'both', apiKeys: undefined });
    for (const correlationId of [1, 2]) send(correlationId);
    expect(seen).toEqual([]);
    for (const correlationId of [3, 4]) send(correlationId);
    expect(seen).toEqual(['pause']);
    stalled.clear();
    expect(seen).toEqual(['pause', 'write 1', 'write 2', 'write 3', 'write 4', 'resume']);
  });

  it('keeps nothing once it is closed', () => {
    const { lane, log, faults, seen, send } = makeLane({ laneLimitBytes: 10_000 });
    const stalled = faults.set({ kind: 'stall', direction: 'both', apiKeys: undefined });
    send(1);
    lane.close();
    send(2);
    lane.end();
    stalled.clear();
    expect(seen).toEqual([]);
    expect(log.events().map(({ fate }) => fate)).toEqual(['held', 'lost']);
  });
});
