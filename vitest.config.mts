import { defineConfig } from 'vitest/config';
import LongestFirst from './scripts/longest-first.mjs';

/**
 * kafkajs loads other retry defaults where NODE_ENV is `test` (its `src/retry/index.js`); the library is tested against
 * the ones that its users meet.
 */
const env = { NODE_ENV: 'production' };

/** Real servers and packed packages take their time. */
const patient = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    // Vitest leaves one core to others: of two it would use one.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          env,
          // A limit for what hangs. Most tests take milliseconds, and many times that on a busy machine.
          testTimeout: 60_000,
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/simulation/**', 'test/package/**'],
        },
      },
      {
        test: {
          name: 'simulation',
          env,
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'integration',
          env,
          include: ['test/integration/**/*.test.ts'],
          ...patient,
          // Each file has servers of its own and waits for them most of the time. Two at a time: that is up to eight JVMs.
          maxWorkers: 2,
          // Projects with other numbers of workers have to stand in a group of their own.
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'package', env, include: ['test/package/**/*.test.ts'], ...patient } },
    ],
  },
});
