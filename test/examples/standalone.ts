import { expect, it } from 'vitest';
import type { Child } from './child.js';

/** What the examples that need no service beside them do, on whatever clusters. */
export function standaloneExamples(example: (name: string) => Child): void {
  it('a minimal service handles what it sends, and ends in order when it is told to', async () => {
    const service = example('minimal-service');
    await service.says(': hello');
    service.signal('SIGTERM');
    expect(await service.ended, service.stderr()).toBe(0);
  });

  it('a planned switch moves a service and handles every record', async () => {
    const service = example('planned-switch');
    expect(await service.ended, service.stderr()).toBe(0);
    expect(service.stdout()).toContain('switched from A to B');
    expect(service.stdout()).toMatch(/handled 150 on B/);
  });

  it('a transaction for each order, and one price for each over a planned switch', async () => {
    const service = example('transform');
    expect(await service.ended, service.stderr()).toBe(0);
    expect(service.stdout()).toContain('40 orders have a price on B, 0 have two');
  });

  it('a service follows a file, and not a restored backup of it', async () => {
    const service = example('follow-a-file');
    expect(await service.ended, service.stderr()).toBe(0);
    expect(service.stdout()).toContain('switched from A to B: maintenance of A');
    expect(service.stdout()).toMatch(/refused: its epoch 1 is older than 2/);
    expect(service.stdout()).toContain('still on B');
  });

  it('three services with an agreement go together, by one decision each time', async () => {
    const fleet = example('fleet');
    expect(await fleet.ended, fleet.stderr()).toBe(0);
    for (const instance of ['one', 'two', 'three']) {
      expect(fleet.stdout()).toMatch(
        new RegExp(`${instance} went from A to B, by operator, decision \\d+`),
      );
    }
    expect(fleet.stdout()).toMatch(/all are on A, by decision \d+\n/);
  });
}
