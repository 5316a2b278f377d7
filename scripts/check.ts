/** Everything static in one word: prints one line per checker, the output of those that failed, and exits accordingly. */
import { check } from './checks.js';

check().then(
  (results) => {
    if (results.some((result) => !result.ok)) process.exitCode = 1;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
