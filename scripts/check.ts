/** Everything static in one word: prints one line per checker, the output of those that failed, and exits accordingly. */
import { check } from './checks.js';
import { readCommandLine } from './command-line.js';

const usage = `npm run check: everything static. Builds, then looks at the API report, the package, types, lint, format and unused code.
It takes no options. Exit code 1 if a checker fails; its output then stands below its line.`;

readCommandLine({ name: 'npm run check', usage, options: {} });

check().then(
  (results) => {
    if (results.some((result) => !result.ok)) process.exitCode = 1;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
