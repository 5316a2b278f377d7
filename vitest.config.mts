import { defineConfig } from 'vitest/config';

/**
 * kafkajs loads other retry defaults where NODE_ENV is `test` (its `src/retry/index.js`); the library is tested against
 * the ones that its users meet.
 */
const env = { NODE_ENV: 'production' };

/** Real servers and packed packages are shared by a whole file, and files take turns: the machine may have two cores. */
const serial = { fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
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
      { test: { name: 'integration', env, include: ['test/integration/**/*.test.ts'], ...serial } },
      { test: { name: 'package', env, include: ['test/package/**/*.test.ts'], ...serial } },
    ],
  },
});
