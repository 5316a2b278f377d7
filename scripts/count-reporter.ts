import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/** What one vitest run came to. Read by `scripts/test.ts` from the file that `COUNTS_FILE` names. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Counts tests, and what vitest's own totals leave out: a file that did not load and a hook that threw are failures,
 * not skipped tests; so is an error outside every test.
 */
export default class CountReporter implements Reporter {
  async onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: TestRunEndReason,
  ): Promise<void> {
    const file = process.env['COUNTS_FILE'];
    if (file === undefined) return;
    const each = modules.map(countModule);
    const failed = sum(each.map((counts) => counts.failed)) + unhandledErrors.length;
    const counts: Counts = {
      passed: sum(each.map((counts) => counts.passed)),
      failed: reason === 'interrupted' ? failed + 1 : failed,
      skipped: each.flatMap((counts) => counts.skipped),
    };
    await writeFile(file, JSON.stringify(counts));
  }
}

function countModule(module: TestModule): Counts {
  const path = relative(process.cwd(), module.moduleId);
  const tests = [...module.children.allTests()];
  const states = tests.map((test) => test.result().state);
  const hooks = [module, ...module.children.allSuites()].filter(
    (suite) => suite.errors().length > 0,
  );
  return {
    passed: states.filter((state) => state === 'passed').length,
    failed: states.filter((state) => state === 'failed').length + hooks.length,
    skipped: tests.flatMap((test) => {
      const result = test.result();
      if (result.state === 'skipped') {
        return [{ name: `${path} > ${test.fullName}`, reason: result.note ?? 'no reason given' }];
      }
      // A test that never ran (its file was abandoned) is not a pass; the abandoned file counts as the failure.
      return result.state === 'pending'
        ? [{ name: `${path} > ${test.fullName}`, reason: 'never ran' }]
        : [];
    }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
