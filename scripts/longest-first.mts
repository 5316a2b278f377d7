import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long beside the others of their project, in the order in which they begin. Without it the order is vitest's: on a
 * clean clone by size, which says little, and a file of five minutes that begins last has a worker for itself at the end.
 *
 * Of the integration tests the fleets take longest and compute most. Beside them stand files that wait most.
 */
const FIRST = [
  'test/examples/examples.test.ts',
  'test/examples/command-line.test.ts',
  'test/integration/fleet.test.ts',
  'test/integration/health.test.ts',
  'test/integration/position-faults.test.ts',
  'test/integration/position-members.test.ts',
  'test/integration/demo.test.ts',
  'test/integration/contract.test.ts',
  'test/integration/stack.test.ts',
  'test/integration/examples.test.ts',
  'test/integration/positions.test.ts',
  'test/integration/agreement.test.ts',
];

/** Begins with those files, so that the workers end together. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const gone = FIRST.find((file) => !existsSync(join(root, file)));
    if (gone !== undefined) throw new Error(`scripts/longest-first.mts names ${gone}: it is gone.`);
    const place = ({ moduleId }: TestSpecification): number => {
      const found = FIRST.indexOf(relative(root, moduleId));
      return found === -1 ? FIRST.length : found;
    };
    // Stable: files of the same place stay in vitest's order.
    return (await super.sort(files)).toSorted((one, next) => place(one) - place(next));
  }
}
